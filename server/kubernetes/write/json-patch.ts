// JSON patch (RFC 6902): a list of operations, all or nothing. The messages are those of the library that Kubernetes uses.
// It costs what the patch is long: copies may add so many octets, and items may move so far in their lists.
import { isDeepStrictEqual } from 'node:util'
import { isMembers } from '../../model/fields/values.ts'
import { badRequest, tooLarge, unprocessable } from './refusal.ts'

/** Kubernetes' limit. */
export const maxOperations = 10_000
/** Octets of JSON that `copy` may add: Kubernetes' limit on a body. */
export const maxCopied = 3 * 1024 * 1024
/** Items that may be moved by insertions and removals: inserting ten thousand times in front of a million is 10^10. */
const maxMoved = 50_000_000

type Container = Record<string, unknown> | unknown[]

interface Operation {
  readonly op: string
  readonly path: string | undefined
  readonly from: string | undefined
  readonly value: unknown
}

/**
 * The document with all operations applied; the given one stays as it is.
 * @throws StatusError 400 for what is no patch, 413 for one of too many operations, 422 where one does not apply
 */
export function jsonPatched (document: unknown, patch: unknown): unknown {
  const operations = operationsOf(patch)
  const patching = new Patching(structuredClone(document))
  for (const operation of operations) patching.apply(operation)
  return patching.document
}

function operationsOf (patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${isMembers(patch) ? 'object' : typeof patch} into Go value of type []handlers.jsonPatchOp`)
  if (patch.length > maxOperations) throw tooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`)
  return patch.map((each: unknown) => {
    if (!isMembers(each)) throw badRequest('error decoding patch: json: cannot unmarshal an operation that is no object')
    const { op, path, from, value } = each
    for (const [name, text] of Object.entries({ op, path, from })) {
      if (text !== undefined && typeof text !== 'string') throw badRequest(`error decoding patch: json: cannot unmarshal ${typeof text} into Go struct field jsonPatchOp.${name} of type string`)
    }
    return { op: op as string | undefined ?? '', path: path as string | undefined, from: from as string | undefined, value: value ?? null } // the loop has just looked
  })
}

class Patching {
  document: unknown
  #copied = 0
  #moved = 0

  constructor (document: unknown) {
    this.document = document
  }

  apply (operation: Operation): void {
    const { op, path, value } = operation
    switch (op) {
      case 'add': return this.#add(required(path, 'add operation failed to decode path: missing value'), structuredClone(value), 'add')
      case 'remove': {
        const from = required(path, 'remove operation failed to decode path: missing value')
        this.#take(from, `remove operation does not apply: doc is missing path: ${JSON.stringify(from)}: missing value`, 'remove')
        return
      }
      case 'replace': return this.#replace(required(path, 'replace operation failed to decode path: operation missing path field: missing value'), structuredClone(value))
      case 'test': return this.#test(required(path, 'test operation failed to decode path: operation missing path field: missing value'), value)
      case 'copy': return this.#copy(operation)
      case 'move': return this.#move(operation)
      default: throw unprocessable(`Unexpected kind: ${op === '' ? 'unknown' : op.slice(0, 100)}`)
    }
  }

  #add (path: string, value: unknown, name: string): void {
    if (path === '') {
      this.document = value
      return
    }
    const { container, key } = this.#at(path, name === 'add'
      ? `add operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`
      : `${name} operation does not apply: doc is missing destination path: ${path}: missing value`)
    if (!Array.isArray(container)) return put(container, key, value)
    const index = key === '-' ? container.length : indexOf(key, container.length, name, path)
    this.#moves(container.length - index)
    container.splice(index, 0, value)
  }

  #replace (path: string, value: unknown): void {
    if (path === '') {
      this.document = value
      return
    }
    const { container, key } = this.#at(path, `replace operation does not apply: doc is missing path: ${path}: missing value`)
    if (valueAt(container, key) === undefined) throw unprocessable(`replace operation does not apply: doc is missing key: ${path}: missing value`)
    if (Array.isArray(container)) container[Number(key)] = value
    else put(container, key, value)
  }

  #test (path: string, value: unknown): void {
    const found = path === '' ? this.document : (({ container, key }) => valueAt(container, key))(this.#at(path, `test operation does not apply: is missing path: ${path}: missing value`))
    // Kubernetes takes what is absent for null here.
    if (!isDeepStrictEqual(found ?? null, value ?? null)) throw unprocessable(`testing value ${path} failed: test failed`)
  }

  #copy ({ path, from }: Operation): void {
    const source = required(from, 'copy operation failed to decode from: operation, missing from field: missing value')
    const missing = `copy operation does not apply: doc is missing from path: ${source}: missing value`
    const found = source === '' ? this.document : (({ container, key }) => valueAt(container, key))(this.#at(source, missing))
    if (found === undefined) throw unprocessable(missing)
    const text = JSON.stringify(found)
    this.#copied += text.length
    if (this.#copied > maxCopied) throw unprocessable(`Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${maxCopied}`)
    this.#add(required(path, 'copy operation failed to decode path: missing value'), JSON.parse(text), 'copy')
  }

  #move ({ path, from }: Operation): void {
    const source = required(from, 'move operation failed to decode from: operation, missing from field: missing value')
    const target = required(path, 'move operation failed to decode path: operation missing path field: missing value')
    if (target.startsWith(`${source}/`)) throw unprocessable(`move operation does not apply: ${target} is within ${source}`) // RFC 6902 4.4
    const value = this.#take(source, `move operation does not apply: doc is missing from path: ${source}: missing value`, 'move')
    this.#add(target, value, 'move')
  }

  /** Takes out what is there. */
  #take (path: string, missing: string, name: string): unknown {
    const { container, key } = this.#at(path, missing)
    if (!Array.isArray(container)) {
      if (!Object.hasOwn(container, key)) throw unprocessable(`error in ${name} for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`)
      const value = container[key]
      Reflect.deleteProperty(container, key)
      return value
    }
    const index = indexOf(key, container.length - 1, name, path)
    this.#moves(container.length - index)
    return container.splice(index, 1)[0]
  }

  #moves (items: number): void {
    this.#moved += items
    if (this.#moved > maxMoved) throw unprocessable(`the patch moves items of lists more than ${maxMoved} times`)
  }

  #at (path: string, missing: string): { readonly container: Container, readonly key: string } {
    if (!path.startsWith('/')) throw unprocessable(missing)
    const steps = path.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')) // RFC 6901 4
    const key = steps.pop() ?? ''
    let at: unknown = this.document
    for (const step of steps) at = isContainer(at) ? valueAt(at, step) : undefined
    if (!isContainer(at)) throw unprocessable(missing)
    return { container: at, key }
  }
}

function required (text: string | undefined, missing: string): string {
  if (text === undefined) throw unprocessable(missing)
  return text
}

function isContainer (value: unknown): value is Container {
  return typeof value === 'object' && value !== null
}

function valueAt (container: Container, key: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined
  return /^(?:0|[1-9]\d*)$/.test(key) ? container[Number(key)] : undefined
}

function indexOf (key: string, last: number, name: string, path: string): number {
  const index = /^(?:0|[1-9]\d*)$/.test(key) ? Number(key) : undefined
  if (index === undefined) throw unprocessable(`error in ${name} for path: '${path}': value was not a proper array index: '${key}'`)
  if (index > last) throw unprocessable(`error in ${name} for path: '${path}': Unable to access invalid index: ${index}: invalid index referenced`)
  return index
}

/** `__proto__` is a name like any other. */
function put (container: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true })
}
