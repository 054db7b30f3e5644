// Sets of fields, as Kubernetes keeps them for each manager of an object (`fieldsV1`). A step of a path is a text:
//
// step = `f:` name of a field or key of a map | `k:` JSON of an item's key fields, in order | `v:` JSON of a set's
// item
//
// In `fieldsV1` each step is a member of an object, and `.` says that the field itself belongs to the set, not only
// fields within it.

/** Deeper sets are not read: objects nest ten deep. */
const maxDepth = 50

export type FieldsV1 = { readonly [step: string]: FieldsV1 }
export type Path = readonly string[]

export class FieldSet {
  readonly members = new Set<string>()
  readonly children = new Map<string, FieldSet>()

  get isEmpty (): boolean {
    return this.members.size === 0 && [...this.children.values()].every((child) => child.isEmpty)
  }

  insert (path: Path): void {
    const last = path.at(-1)
    if (last === undefined) return // the object itself is no field of it
    path.slice(0, -1).reduce<FieldSet>((at, step) => at.#child(step), this).members.add(last)
  }

  has (path: Path): boolean {
    const last = path.at(-1)
    const above = path.slice(0, -1).reduce<FieldSet | undefined>((at, step) => at?.children.get(step), this)
    return last !== undefined && above?.members.has(last) === true
  }

  union (other: FieldSet): FieldSet {
    return this.#merged(other, (ours, theirs) => ours || theirs)
  }

  intersection (other: FieldSet): FieldSet {
    return this.#merged(other, (ours, theirs) => ours && theirs)
  }

  difference (other: FieldSet): FieldSet {
    return this.#merged(other, (ours, theirs) => ours && !theirs)
  }

  /** Every member, in order, with the path to it. */
  paths (): Path[] {
    return [...this.#paths([])]
  }

  /** The form that travels; undefined where the set is empty. */
  toFieldsV1 (): FieldsV1 {
    const entries = this.#steps().flatMap((step): [string, FieldsV1][] => {
      const within = this.children.get(step)?.toFieldsV1() ?? {}
      const isMember = this.members.has(step)
      if (!isMember && Object.keys(within).length === 0) return []
      return [[step, isMember && Object.keys(within).length > 0 ? { '.': {}, ...within } : within]]
    })
    return Object.fromEntries(entries)
  }

  * #paths (above: Path): Generator<Path> {
    for (const step of this.#steps()) {
      const path = [...above, step]
      if (this.members.has(step)) yield path
      const child = this.children.get(step)
      if (child !== undefined) yield * child.#paths(path)
    }
  }

  #steps (): string[] {
    return [...new Set([...this.members, ...this.children.keys()])].sort(compareSteps)
  }

  #child (step: string): FieldSet {
    let child = this.children.get(step)
    if (child === undefined) this.children.set(step, child = new FieldSet())
    return child
  }

  #merged (other: FieldSet, keeps: (ours: boolean, theirs: boolean) => boolean): FieldSet {
    const result = new FieldSet()
    for (const step of this.members) if (keeps(true, other.members.has(step))) result.members.add(step)
    for (const step of other.members) if (!this.members.has(step) && keeps(false, true)) result.members.add(step)
    for (const step of new Set([...this.children.keys(), ...other.children.keys()])) {
      const child = (this.children.get(step) ?? none).#merged(other.children.get(step) ?? none, keeps)
      if (!child.isEmpty) result.children.set(step, child)
    }
    return result
  }
}

const none = new FieldSet()

export function setOf (paths: Iterable<Path>): FieldSet {
  const set = new FieldSet()
  for (const path of paths) set.insert(path)
  return set
}

/** Reads what `toFieldsV1` wrote; undefined = it is no such set. */
export function fromFieldsV1 (value: unknown, depth = 0): FieldSet | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > maxDepth) return undefined
  const set = new FieldSet()
  for (const [step, within] of Object.entries(value)) {
    if (step === '.') continue // said of this step by who read the one above
    if (!/^(?:f:|[kv]:.)/s.test(step)) return undefined
    const child = fromFieldsV1(within, depth + 1)
    if (child === undefined) return undefined
    // It is an object: it was just read.
    if (Object.hasOwn(within as object, '.') || child.isEmpty) set.members.add(step)
    if (!child.isEmpty) set.children.set(step, child)
  }
  return set
}

/** As Kubernetes writes it: `.spec.ports[port=80,protocol="TCP"].targetPort`. */
export function pathText (path: Path): string {
  return path.map((step) => {
    const rest = step.slice(2)
    if (step.startsWith('f:')) return `.${rest}`
    if (step.startsWith('v:')) return `[=${rest}]`
    const keys = parsed(rest)
    if (typeof keys !== 'object' || keys === null) return `[${rest}]`
    return `[${Object.entries(keys).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
  }).join('')
}

function parsed (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const collator = new Intl.Collator('en', { numeric: true })

/** Fields before items before values; numbers within keys by size. */
function compareSteps (a: string, b: string): number {
  if (a[0] !== b[0] || a.startsWith('f:')) return a < b ? -1 : a > b ? 1 : 0
  return collator.compare(a, b)
}
