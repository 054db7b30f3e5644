// The options of `register`, and the body that the registry gets of them: pure.
import { RollcallError } from './errors.ts'
import { loadFaults } from './rules.ts'
import { shown } from './shape.ts'
import type { Heartbeat, InstancePatch, LoadValue, Protocol, Registration as RegistrationBody, Status } from './wire.ts'

export interface PortInput {
  readonly name?: string
  readonly port: number
  /** Default `TCP`. */
  readonly protocol?: Protocol
}

/** The options of `register`. Only `service` must be given; everything else is the registry's or the SDK's default. */
export interface RegisterOptions {
  readonly service: string
  /** Default: the client's. */
  readonly namespace?: string | undefined
  /** One unnamed port; short for `ports`. */
  readonly port?: number | undefined
  /** A number, `{ http: 8080, grpc: 9090 }`, or a list with protocols. */
  readonly ports?: number | Readonly<Record<string, number>> | readonly PortInput[] | undefined
  /** Default: host name, process id and six random characters. */
  readonly id?: string | undefined
  /** Names this life of the id. Default: random. */
  readonly generation?: string | undefined
  /** IPv4 or IPv6. Default: the address that the registry sees. */
  readonly address?: string | undefined
  readonly hostname?: string | undefined
  /** Can be selected on. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Free text, cannot be selected on. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** 0-65535, default 100; 0 = only when nothing else is left. */
  readonly weight?: number | undefined
  /** 0-65535, default 0; lower is preferred. */
  readonly priority?: number | undefined
  /** Default: the client's. */
  readonly zone?: string | undefined
  readonly region?: string | undefined
  /** The machine that it runs on, an RFC 1123 subdomain. Default: the host name, where it is one. */
  readonly node?: string | undefined
  readonly version?: string | undefined
  /** Default `up`. */
  readonly status?: Status | undefined
  /** How long the registry waits for a heartbeat, in milliseconds; 1,000-86,400,000, default 15,000. */
  readonly ttlMs?: number | undefined
  /**
   * The WebSocket is the lease: when it breaks, callers go elsewhere at once instead of after `ttlMs`. Default false;
   * in a worker thread true if `signals` is, since signals don't reach it there, and the registration should end with
   * its process.
   */
  readonly session?: boolean | undefined
  /** How long to be `draining` before deregistering on SIGTERM, SIGINT and SIGHUP, in milliseconds. Default 0. */
  readonly drainMs?: number | undefined
  /**
   * Asked with each heartbeat; its answer becomes the status: true is `up`, false is `down`. One that throws, is still
   * busy at the next heartbeat, or answers anything else means `down`, and `onEvent` gets a warning. Not asked while
   * draining.
   */
  readonly health?: (() => Status | boolean | Promise<Status | boolean>) | undefined
  /**
   * How busy it is, asked with each heartbeat and sent along; at most 16 names. What it throws goes to `onEvent`, and that heartbeat
   * goes without a load.
   * @example load: () => ({ cpu: { value: loadavg()[0], capacity: availableParallelism() } })
   */
  readonly load?: (() => Readonly<Record<string, LoadValue>>) | undefined
  /**
   * Another process registers the same id: it stays, and this one keeps away while it lives. `wait`: when that life has
   * ended (deregistered or expired), this one registers again, so that a rollback works; `stop`: it never does. Default
   * `wait`.
   */
  readonly onSuperseded?: 'wait' | 'stop' | undefined
}

/**
 * Checks a load by the registry's rules: heartbeats travel together, and a bad one would have them all refused.
 * @throws RollcallError REGISTRY_INVALID_ARGUMENT
 */
export function checkedLoad (load: Readonly<Record<string, LoadValue>>): Readonly<Record<string, LoadValue>> {
  const [fault] = loadFaults(load)
  if (fault !== undefined) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `${fault.field} ${fault.rule}, got ${shown(fault.value)}`, { errors: loadFaults(load) })
  return Object.fromEntries(
    Object.entries(load).map(
      ([name, { value, capacity }]) => [name, capacity === undefined ? { value } : { value, capacity }]
    )
  )
}

/** The load of the next heartbeat. Never throws: a heartbeat matters more than what goes along with it. */
export function loadNow (ask: RegisterOptions['load'], report: (error: unknown) => void): Heartbeat['load'] {
  try {
    return ask === undefined ? undefined : checkedLoad(ask())
  } catch (error) {
    report(error)
    return undefined
  }
}

const statuses: ReadonlySet<unknown> = new Set<Status>(['starting', 'up', 'warning', 'draining', 'down'])

/** What an answer of `health` means; undefined = it means nothing. */
export function statusOf (answer: unknown): Status | undefined {
  if (typeof answer === 'boolean') return answer ? 'up' : 'down'
  return statuses.has(answer) ? answer as Status : undefined // just seen to be one
}

/** The body of the registration. What is undefined is left out: the schema knows no field without a value. */
export function bodyOf (options: RegisterOptions, generation: string): RegistrationBody {
  const { address, hostname, labels, metadata, weight, priority, zone, region, version, status, ttlMs } = options
  const node = options.node ?? nodeName()
  const ports = portsOf(options)
  const entries = Object.entries({ generation, address, ports, hostname, labels, metadata, weight, priority, zone, region, node, version, status })
  return {
    ...Object.fromEntries(entries.filter(([, value]) => value !== undefined)),
    ...(ttlMs === undefined ? {} : { lease: { ttlMs } })
  }
}

function portsOf ({ port, ports }: RegisterOptions): readonly PortInput[] {
  if (port !== undefined && ports !== undefined) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', 'give port or ports, not both')
  if (ports === undefined) return port === undefined ? [] : [{ port }]
  if (typeof ports === 'number') return [{ port: ports }]
  if (isList(ports)) return ports
  return Object.entries(ports).map(([name, number]) => ({ name, port: number }))
}

/** Array.isArray does not narrow readonly arrays. */
function isList (ports: NonNullable<RegisterOptions['ports']>): ports is readonly PortInput[] {
  return Array.isArray(ports)
}

/** Joins two merge patches into the one that has the effect of both. */
export function merged (first: InstancePatch, second: InstancePatch): InstancePatch {
  return {
    ...first,
    ...second,
    ...(first.labels === undefined && second.labels === undefined ? {} : { labels: { ...first.labels, ...second.labels } }),
    ...(first.metadata === undefined && second.metadata === undefined ? {} : { metadata: { ...first.metadata, ...second.metadata } })
  }
}

/** The body with a merge patch on it. */
export function applied (body: RegistrationBody, patch: InstancePatch): RegistrationBody {
  const { labels, metadata, ...rest } = patch
  return {
    ...body,
    ...rest,
    ...(labels === undefined ? {} : { labels: withoutNull({ ...body.labels, ...labels }) }),
    ...(metadata === undefined ? {} : { metadata: withoutNull({ ...body.metadata, ...metadata }) })
  }
}

function withoutNull (record: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== null))
}

interface ProcessLike {
  readonly pid?: number
  readonly env?: Readonly<Record<string, string | undefined>>
  getBuiltinModule?: (name: string) => { hostname?: () => string } | undefined
}

/** A DNS label that a person recognises: host, process, and what tells two clients of one process apart. */
export function defaultId (random: () => number): string {
  const name = hostName().toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 40).replace(/^-+|-+$/g, '') || 'host'
  const suffix = Math.floor(random() * 36 ** 6).toString(36).padStart(6, '0')
  return `${name}-${surroundings().process?.pid ?? 0}-${suffix}`
}

/** The name of this machine as a registration's `node`; undefined where it has none that the registry takes. */
function nodeName (): string | undefined {
  const name = hostName().toLowerCase()
  return subdomain.test(name) ? name : undefined
}

const subdomain = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/** Empty where a runtime does not tell, as in browsers. */
function hostName (): string {
  const { process } = surroundings()
  return process?.getBuiltinModule?.('node:os')?.hostname?.() ?? process?.env?.['HOSTNAME'] ?? ''
}

function surroundings (): { readonly process?: ProcessLike } {
  return globalThis // absent in browsers and edge runtimes
}
