// rollcall register, deregister, heartbeat: for programs that have no SDK, and for people who try things out.
import type { HeartbeatAnswer, Instance, Port, Registration, RegistrationAnswer, Status } from '../../client-sdk/src/wire.ts'
import { readDuration } from '../config/duration-text.ts'
import { showDuration } from '../model/duration.ts'
import { instancePath } from './paths.ts'
import { connectionFlags, instanceName, label, namespaceFlag, rephrased, tokenFlags, type Command, type Invocation } from './command.ts'
import { UsageError } from './errors.ts'
import { keepRegistered } from './keep.ts'
import { outputOf, structured } from './output.ts'
import { portsText, statuses, statusText } from './shapes.ts'

const generationFlag = { generation: { type: 'string', metavar: 'TEXT', what: 'Names this life of the instance; another life is not touched' } } as const

export const register: Command = {
  name: 'register',
  summary: 'Registers an instance, with --keep for as long as the command runs',
  usage: 'register SERVICE --port [NAME:]NUMBER[/PROTOCOL] [flags]',
  details: `Without --keep the instance is there until its TTL is over: renew it with \`rollcall heartbeat\`. With --keep the command
stays, renews the lease, registers again after an outage, and deregisters when it is ended by Ctrl-C, SIGTERM or SIGHUP.`,
  flags: {
    ...namespaceFlag,
    port: { type: 'string', short: 'p', multiple: true, metavar: 'PORT', what: 'A port, like 8080, http:8080 or dns:53/UDP' },
    id: { type: 'string', metavar: 'ID', what: 'Names the instance within its service (default: host name and first port)' },
    address: { type: 'string', metavar: 'IP', what: 'Its IPv4 or IPv6 address (default: the one the registry sees)' },
    label: { type: 'string', short: 'l', multiple: true, metavar: 'KEY=VALUE', what: 'A label; labels can be selected on' },
    metadata: { type: 'string', multiple: true, metavar: 'KEY=TEXT', what: 'Free text; cannot be selected on' },
    weight: { type: 'string', metavar: 'NUMBER', what: 'Its share of the calls, 0-65535 (default 100)' },
    priority: { type: 'string', metavar: 'NUMBER', what: 'Lower is preferred (default 0)' },
    hostname: { type: 'string', metavar: 'NAME', what: 'Its own name below the name of the service' },
    zone: { type: 'string', metavar: 'NAME', what: 'Where it is, so that callers nearby prefer it' },
    region: { type: 'string', metavar: 'NAME', what: 'The region of that zone' },
    node: { type: 'string', metavar: 'NAME', what: 'The machine that it runs on' },
    version: { type: 'string', metavar: 'TEXT', what: 'The version of the program' },
    status: { type: 'string', metavar: 'STATUS', what: `One of ${statuses.join(', ')} (default up)` },
    ttl: { type: 'string', metavar: 'DURATION', what: 'How long it counts as alive after a heartbeat, 1s-24h (default 15s)' },
    ...generationFlag,
    keep: { type: 'boolean', what: 'Stays in the foreground and keeps it alive' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the instance as the registry shows it' },
    registry: { type: 'string', metavar: 'URL', what: 'The registry, since --address is the instance\'s here (ROLLCALL_ADDRESS)' },
    ...tokenFlags
  },
  examples: [
    ['register orders --port http:8080 --keep', 'beside a program that listens on 8080'],
    ['register db -p 5432 --address 10.0.0.7 --ttl 24h', 'a fixed thing that cannot send heartbeats'],
    ['register orders -p 8080 --id orders-1 -l version=v2', 'with a name and a label']
  ],
  run: async (call) => {
    const [service = ''] = call.arguments('SERVICE')
    label('service', service)
    const form = outputOf(call, ['json', 'yaml'] as const)
    const registration = readRegistration(call)
    const id = call.text('id') ?? defaultId(call.terminal.hostname, registration.ports?.[0]?.port)
    const tell = async (instance: Instance): Promise<void> => {
      call.terminal.out(form === undefined ? sentence(instance) : await structured(instance, form))
    }
    if (call.flag('keep')) return await keepRegistered(call, { namespace: call.namespace, service, id, registration, tell })
    const instance = await (await call.api()).put<RegistrationAnswer>(instancePath(call.namespace, service, id), registration)
    for (const warning of instance.warnings ?? []) call.terminal.err(`Warning: ${warning}`)
    await tell(instance)
    call.terminal.err(`It is suspect in ${showDuration(instance.lease.ttlMs)} unless it is renewed: rollcall heartbeat ${service}/${id}`)
  }
}

function sentence (instance: Instance): string {
  const at = [instance.address, portsText(instance.ports)].filter((part) => part !== '').join(' ')
  return `${instance.service}/${instance.id} in ${instance.namespace} is ${statusText(instance)} at ${at}, generation ${instance.generation}`
}

function readRegistration (call: Invocation): Registration {
  const optional = <Value>(name: string, value: Value | undefined): Record<string, Value> => (value === undefined ? {} : { [name]: value })
  const ttlMs = call.read('ttl', readDuration)
  return {
    ports: call.texts('port').map((text) => rephrased('--port', text, () => readPort(text))),
    ...optional('address', call.text('address')?.includes('://') === true ? undefined : call.text('address')),
    ...optional('generation', call.text('generation')),
    ...optional('hostname', call.text('hostname')),
    ...optional('zone', call.text('zone')),
    ...optional('region', call.text('region')),
    ...optional('node', call.text('node')),
    ...optional('version', call.text('version')),
    ...optional('weight', call.whole('weight')),
    ...optional('priority', call.whole('priority')),
    ...optional('status', call.choice<Status>('status', statuses)),
    ...(call.texts('label').length === 0 ? {} : { labels: pairs('--label', call.texts('label')) }),
    ...(call.texts('metadata').length === 0 ? {} : { metadata: pairs('--metadata', call.texts('metadata')) }),
    ...(ttlMs === undefined ? {} : { lease: { ttlMs } })
  }
}

/** `8080`, `http:8080`, `dns:53/UDP` */
export function readPort (text: string): Port {
  const match = /^(?:([^:/]+):)?(\d{1,5})(?:\/(TCP|UDP|SCTP))?$/i.exec(text)
  const port = Number(match?.[2])
  if (!(port >= 1 && port <= 65_535)) throw new Error('must be NUMBER, NAME:NUMBER or NAME:NUMBER/PROTOCOL, with 1-65535 and TCP, UDP or SCTP')
  const protocol = (match?.[3]?.toUpperCase() ?? 'TCP') as Port['protocol'] // the expression allows no other
  return { name: match?.[1] ?? '', port, protocol }
}

export function pairs (flag: string, texts: readonly string[]): Record<string, string> {
  const entries = texts.map((text): [string, string] => {
    const equals = text.indexOf('=')
    if (equals < 1) throw new UsageError(`${flag} must be KEY=VALUE, got ${JSON.stringify(text)}`)
    return [text.slice(0, equals), text.slice(equals + 1)]
  })
  const twice = entries.find(([key], index) => entries.findIndex(([other]) => other === key) < index)
  if (twice !== undefined) throw new UsageError(`${flag} ${twice[0]} is given twice`)
  return Object.fromEntries(entries)
}

/** The same command on the same machine names the same instance, so that running it again renews. */
function defaultId (hostname: string, port: number | undefined): string {
  return port === undefined ? hostname : `${hostname}-${port}`
}

export const deregister: Command = {
  name: 'deregister',
  summary: 'Removes an instance at once',
  usage: 'deregister SERVICE/ID [flags]',
  flags: { ...namespaceFlag, ...generationFlag, ...connectionFlags },
  examples: [['deregister orders/orders-1', 'it is out of every answer']],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE/ID')
    const { service, id } = instanceName(text)
    await (await call.api()).delete(instancePath(call.namespace, service, id), { generation: call.text('generation') })
    call.terminal.out(`${service}/${id} is deregistered`)
  }
}

export const heartbeat: Command = {
  name: 'heartbeat',
  summary: 'Renews the lease of an instance once',
  usage: 'heartbeat SERVICE/ID [flags]',
  details: 'Exit code 1 means that the registry does not know it (any more): register again.',
  flags: {
    ...namespaceFlag,
    status: { type: 'string', metavar: 'STATUS', what: `What it says of itself: ${statuses.join(', ')}` },
    ...generationFlag,
    ...connectionFlags
  },
  examples: [
    ['heartbeat orders/orders-1', 'from a timer, well before the TTL is over'],
    ['heartbeat orders/orders-1 --status draining', 'alive, but no new callers please']
  ],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE/ID')
    const { service, id } = instanceName(text)
    const status = call.choice('status', statuses)
    const generation = call.text('generation')
    const answer = await (await call.api()).put<HeartbeatAnswer>(instancePath(call.namespace, service, id, 'heartbeat'), {
      ...(status === undefined ? {} : { status }), ...(generation === undefined ? {} : { generation })
    })
    call.terminal.out(`${service}/${id} is renewed${answer.stored ? '' : ' on this node; its store is away'}`)
  }
}
