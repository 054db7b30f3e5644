// Options as they are given: an unknown one is a slip of the pen, and one of another type would do something else than
// was meant.
import { longestTimerMs } from './clock.ts'
import { isToken } from './token.ts'
import { RollcallError } from './errors.ts'
import { anything, flag, isObject, listOf, oneOf, recordOf, rule, shown, text, whole, type Check } from './shape.ts'

const statuses = ['starting', 'up', 'warning', 'draining', 'down'] as const
const callback = rule('a function', (value) => typeof value === 'function')
const callbackOrNull = rule('a function, or null', (value) => value === null || typeof value === 'function')
const object = rule('an object', (value) => typeof value === 'object' && value !== null)
const durationMs = rule(
  'a number of milliseconds above 0', (value) => typeof value === 'number' && value > 0 && value <= longestTimerMs
)
const pauseMs = rule(
  'a number of milliseconds from 0', (value) => typeof value === 'number' && value >= 0 && value <= longestTimerMs
)
const number = rule('a number', (value) => typeof value === 'number' && Number.isFinite(value))
const portNumber = rule('a whole number', (value) => Number.isSafeInteger(value))
const texts = recordOf(text)
const balance = oneOf('round-robin', 'least-outstanding')
const signal = rule('an AbortSignal', (value) => isObject(value) && 'aborted' in value)
const port = rule('a name or a number', (value) => typeof value === 'string' || Number.isSafeInteger(value))

/** With a slip it holds the key itself. */
const secretText: Check = (value, at) => (typeof value === 'string' && value !== '' ? undefined : `${at} must be a PEM text, or the name of a file; its value is not shown`)

const read = { signal, minRevision: text }
const list = {
  ...read, namespace: text, service: text, selector: text, status: oneOf(...statuses), pageSize: whole(1, 1_000_000)
}
const resolve = { port, selector: text, zone: text, balance, signal }

const portFields = { name: text, port: portNumber, protocol: oneOf('TCP', 'UDP', 'SCTP') }
const portShape: Check = (value, at) => checkFields(value, portFields, at, ['port'])
const ports: Check = (value, at) => {
  if (typeof value === 'number') return portNumber(value, at)
  return Array.isArray(value) ? listOf(portShape)(value, at) : recordOf(portNumber)(value, at)
}

/** The options of each call. A value of `undefined` counts as absent. */
const shapes = {
  Rollcall: {
    address: anything, namespace: text,
    token: rule('a text of visible ASCII characters, or a function', (value) => typeof value === 'function' || isToken(value)), tickets: flag, ca: secretText, cert: secretText, key: secretText, timeoutMs: durationMs, connectTimeoutMs: durationMs,
    maxAnswerBytes: whole(1, Number.MAX_SAFE_INTEGER), maxSnapshotBytes: whole(1, Number.MAX_SAFE_INTEGER), zone: text, balance, prefer: oneOf('any', 'first'), signals: flag, onEvent: callback, warn: callbackOrNull,
    fetch: callback, WebSocket: callbackOrNull, clock: object, random: callback
  },
  register: {
    service: text, namespace: text, port: portNumber, ports, id: text, generation: text, address: text, hostname: text, labels: texts, metadata: texts,
    weight: number, priority: number, zone: text, region: text, node: text, version: text, status: oneOf(...statuses),
    ttlMs: number, session: flag, drainMs: pauseMs, health: callback, load: callback, onSuperseded: oneOf('wait', 'stop')
  },
  waiting: {
    signal, waitMs: rule('a number of milliseconds from 0', (value) => typeof value === 'number' && value >= 0)
  },
  call: { signal },
  read,
  list,
  pages: { ...read, pageSize: list.pageSize },
  endpoints: { ...read, selector: text, zone: text, port, ready: oneOf(true, false, 'any') },
  resolve,
  retries: { ...resolve, retries: whole(0, 1_000), retryIf: callback },
  watch: {
    view: oneOf('instances', 'endpoints', 'ingresses', 'horizontalpodautoscalers'), namespace: text, service: text, selector: text, since: text,
    bufferSize: whole(1, 10_000_000)
  },
  apply: { signal, dryRun: flag, namespace: text },
  deletion: { signal, dryRun: flag },
  patch: {
    status: oneOf(...statuses), labels: recordOf(orNull(text)), metadata: recordOf(orNull(text)), weight: number
  }
} as const satisfies Readonly<Record<string, Readonly<Record<string, Check>>>>

export type OptionKind = keyof typeof shapes

/** @throws RollcallError REGISTRY_INVALID_ARGUMENT naming the option, its value and the rule */
export function checkOptions (kind: OptionKind, options: unknown, required: readonly string[] = []): void {
  const fault = checkFields(options, shapes[kind], '', required)
  if (fault !== undefined) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `${kind === 'Rollcall' ? 'new Rollcall' : kind}: ${fault}`)
}

function checkFields (
  value: unknown, shape: Readonly<Record<string, Check>>, at: string, required: readonly string[]
): string | undefined {
  if (!isObject(value)) return `${at === '' ? 'the options' : at} must be an object, got ${shown(value)}`
  const prefix = at === '' ? '' : `${at}.`
  for (const name of required) if (value[name] === undefined) return `${prefix}${name} must be given`
  for (const [name, given] of Object.entries(value)) {
    if (!Object.hasOwn(shape, name)) return `${prefix}${name} is not known${nearest(name, Object.keys(shape))}`
    const fault = given === undefined ? undefined : shape[name]?.(given, `${prefix}${name}`)
    if (fault !== undefined) return name === 'token' ? 'token must be a text of visible ASCII characters, or a function that gives one; its value is not shown' : fault
  }
  return undefined
}

function orNull (check: Check): Check {
  return (value, at) => (value === null ? undefined : check(value, at))
}

/** The known name that was meant, if one is near. */
function nearest (name: string, known: readonly string[]): string {
  const [best] = known.map((each) => ({ each, distance: distanceOf(name.toLowerCase(), each.toLowerCase()) })).sort(
    (a, b) => a.distance - b.distance
  )
  return best === undefined || best.distance > Math.max(2, name.length / 3) ? '' : `, did you mean ${best.each}?`
}

/** How many letters must be added, taken away or exchanged (Levenshtein). */
function distanceOf (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= Math.min(a.length, 64); i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
      )
    }
    row = next
  }
  return row.at(-1) ?? 0
}
