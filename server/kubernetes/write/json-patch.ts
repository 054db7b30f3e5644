// JSON patch (RFC 6902): a list of operations, all or nothing. The messages are those of the library that Kubernetes
// uses.
// It costs what the patch is long: copies may add so many octets, and items may move so far in their lists.
import { isDeepStrictEqual } from 'node:util'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { jsonKind } from './go-text.ts'
import { badRequest, type StatusError, tooLarge, unprocessable } from './refusal.ts'

/** Kubernetes' limit. */
export const maxOperations = 10_000
/** Octets of JSON that `copy` may add: Kubernetes' limit on a body. */
export const maxCopied = 3 * 1024 * 1024
/** Items that insertions and removals may move: inserting ten thousand times in front of a million moves 10^10. */
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
  if (!Array.isArray(patch)) throw undecodable(jsonKind(patch), 'Go value of type []handlers.jsonPatchOp')
  if (patch.length > maxOperations) {
    throw tooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`)
  }
  return patch.map((each: unknown) => {
    if (!isMembers(each)) throw undecodable(jsonKind(each), 'Go value of type handlers.jsonPatchOp')
    const [op = '', path, from] = [textAt(each, 'op'), textAt(each, 'path'), textAt(each, 'from')]
    return { op, path, from, value: each.value ?? null }
  })
}

function textAt (operation: Members, name: string): string | undefined {
  const value = operation[name]
  if (value === undefined || typeof value === 'string') return value
  throw undecodable(jsonKind(value), `Go struct field jsonPatchOp.${name} of type string`)
}

function undecodable (kind: string, into: string): StatusError {
  return badRequest(`error decoding patch: json: cannot unmarshal ${kind} into ${into}`)
}

// What the messages have in common, behind the name of the operation.
const notApplied = 'operation does not apply:'
const noPath = 'operation failed to decode path: missing value'
const noPathField = 'operation failed to decode path: operation missing path field: missing value'
const noFrom = 'operation failed to decode from: operation, missing from field: missing value'

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
      case 'add': return this.#add(required(path, `add ${noPath}`), structuredClone(value), 'add')
      case 'remove': {
        const from = required(path, `remove ${noPath}`)
        this.#take(from, `remove ${notApplied} doc is missing path: ${JSON.stringify(from)}: missing value`, 'remove')
        return
      }
      case 'replace': return this.#replace(required(path, `replace ${noPathField}`), structuredClone(value))
      case 'test': return this.#test(required(path, `test ${noPathField}`), value)
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
    const missing = name === 'add' ? `path: ${JSON.stringify(path)}` : `destination path: ${path}`
    const { container, key } = this.#at(path, `${name} ${notApplied} doc is missing ${missing}: missing value`)
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
    const { container, key } = this.#at(path, `replace ${notApplied} doc is missing path: ${path}: missing value`)
    if (valueAt(container, key) === undefined) {
      throw unprocessable(`replace ${notApplied} doc is missing key: ${path}: missing value`)
    }
    if (Array.isArray(container)) container[Number(key)] = value
    else put(container, key, value)
  }

  #test (path: string, value: unknown): void {
    const found = this.#read(path, `test ${notApplied} is missing path: ${path}: missing value`)
    // Kubernetes takes what is absent for null here.
    if (!isDeepStrictEqual(found ?? null, value)) throw unprocessable(`testing value ${path} failed: test failed`)
  }

  #copy ({ path, from }: Operation): void {
    const source = required(from, `copy ${noFrom}`)
    const missing = `copy ${notApplied} doc is missing from path: ${source}: missing value`
    const found = this.#read(source, missing)
    if (found === undefined) throw unprocessable(missing)
    const text = JSON.stringify(found)
    this.#copied += text.length
    if (this.#copied > maxCopied) {
      const size = `the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${maxCopied}`
      throw unprocessable(`Unable to complete the copy, ${size}`)
    }
    this.#add(required(path, `copy ${noPath}`), JSON.parse(text), 'copy')
  }

  #move ({ path, from }: Operation): void {
    const source = required(from, `move ${noFrom}`)
    const target = required(path, `move ${noPathField}`)
    // RFC 6902 4.4: nothing can be moved into itself.
    if (target.startsWith(`${source}/`)) throw unprocessable(`move ${notApplied} ${target} is within ${source}`)
    const value = this.#take(source, `move ${notApplied} doc is missing from path: ${source}: missing value`, 'move')
    this.#add(target, value, 'move')
  }

  /** Takes out what is there. */
  #take (path: string, missing: string, name: string): unknown {
    const { container, key } = this.#at(path, missing)
    if (!Array.isArray(container)) {
      if (!Object.hasOwn(container, key)) {
        throw unprocessable(`${errorIn(name, path)} Unable to remove nonexistent key: ${key}: missing value`)
      }
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

  #read (path: string, missing: string): unknown {
    if (path === '') return this.document
    const { container, key } = this.#at(path, missing)
    return valueAt(container, key)
  }

  #at (path: string, missing: string): { readonly container: Container, readonly key: string } {
    if (!path.startsWith('/')) throw unprocessable(missing)
    // RFC 6901 4
    const steps = path.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
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
  const where = errorIn(name, path)
  if (index === undefined) throw unprocessable(`${where} value was not a proper array index: '${key}'`)
  if (index > last) throw unprocessable(`${where} Unable to access invalid index: ${index}: invalid index referenced`)
  return index
}

function errorIn (name: string, path: string): string {
  return `error in ${name} for path: '${path}':`
}

/** `__proto__` is a name like any other. */
function put (container: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true })
}
