// rollcall resolve: who serves a name, one address:port per line, by the same rules as every caller is answered; or, with a type of
// records, what DNS answers and why.
import type { DnsAnswer, DnsRecord, Endpoint, EndpointsAnswer } from '../../client-sdk/src/wire.ts'
import { path } from './paths.ts'
import { connectionFlags, namespaceFlag, type Command, type Invocation } from './command.ts'
import { exitCodes, UsageError } from './errors.ts'
import type { Line } from './line.ts'
import { orGone } from './gone.ts'
import { outputOf, structured } from './output.ts'
import { portsText } from './shapes.ts'
import { readRecordName, type RecordName } from './record-name.ts'

export const resolve: Command = {
  name: 'resolve',
  summary: 'Shows who serves a name, or what DNS answers and why',
  usage: 'resolve NAME [TYPE] [flags]',
  details: `NAME is written as in DNS: orders, orders.shop, orders.shop.svc.cluster.local, _http._tcp.orders.shop.
Without TYPE: address:port lines of those who serve it. With TYPE (A, AAAA, SRV, PTR, ...) or --trace: the answer of this node's DNS, as
dig shows it; short names are completed by the namespace. Exit code 1 if no instance serves the name, or DNS has no such records.`,
  flags: {
    ...namespaceFlag,
    selector: { type: 'string', short: 'l', metavar: 'SELECTOR', what: 'Only endpoints with these labels' },
    port: { type: 'string', short: 'p', metavar: 'PORT', what: 'Only this port, by name or number' },
    zone: { type: 'string', metavar: 'ZONE', what: 'Only endpoints in this zone' },
    trace: { type: 'boolean', what: 'Which rules made the answer of DNS what it is; TYPE is A if there is none' },
    client: { type: 'string', metavar: 'ADDRESS', what: 'With TYPE: whose question it is; answers may prefer the zone of that address' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the whole answer instead of lines' },
    ...connectionFlags
  },
  examples: [
    ['resolve orders', 'every port of every endpoint'],
    ['resolve _http._tcp.orders.shop', 'the port called http, in namespace shop'],
    ['resolve orders.shop.svc.cluster.local A --trace', 'the answer of DNS, and why it is what it is'],
    ['resolve orders -p http | shuf -n 1', 'one of them, for a script']
  ],
  run: async (call) => {
    const [text = '', type] = call.positionals.length > 1 ? call.arguments('NAME', 'TYPE') : call.arguments('NAME')
    if (type !== undefined || call.flag('trace')) return answerOfDns(call, text, type ?? 'A')
    const name = readRecordName(text)
    const form = outputOf(call, ['json', 'yaml'] as const)
    const wanted = { ...name, port: call.text('port') ?? name.port }
    const api = await call.api()
    const place = { namespace: name.namespace ?? call.namespace, service: name.service }
    const filters = { selector: call.text('selector'), port: wanted.port, zone: call.text('zone') }
    const ask = (query: typeof filters | undefined): Promise<EndpointsAnswer> =>
      orGone(api, place, call.terminal.now,
        api.get<EndpointsAnswer>(path('namespaces', place.namespace, 'services', place.service, 'endpoints'), query))
    const answer = await ask(filters)
    if (answer.failOpen) call.terminal.err('All instances that could serve are suspect; they are answered all the same (fail open).')
    if (form !== undefined) call.terminal.out(await structured(answer, form))
    else call.terminal.out(answer.endpoints.flatMap((endpoint) => endpointLines(endpoint, wanted)))
    const lines = answer.endpoints.flatMap((endpoint) => endpointLines(endpoint, wanted))
    if (lines.length > 0) return exitCodes.ok
    const all = Object.values(filters).every((filter) => filter === undefined) ? answer : await ask(undefined)
    call.terminal.err(`rollcall: ${nobody(text, all, { ...filters, protocol: wanted.protocol })}`)
    return exitCodes.failure
  }
}

/** Why there is no line: no endpoint is there, or none has the port, zone and labels that were asked for. */
function nobody (
  text: string, { endpoints }: EndpointsAnswer,
  { port, protocol, zone,
    selector }: { port?: string | undefined, protocol?: string | undefined, zone?: string | undefined,
    selector?: string | undefined }
): string {
  const [first] = endpoints
  if (first === undefined) return `no instance serves ${text}`
  const asked = [
    ...(port === undefined ? []
      : [`the port ${JSON.stringify(port)}${protocol === undefined ? '' : ` of ${protocol}`}`]),
    ...(zone === undefined ? [] : [`the zone ${JSON.stringify(zone)}`]),
    ...(selector === undefined ? [] : [`the labels ${selector}`])
  ]
  const ports = [...new Set(endpoints.flatMap((endpoint) => endpoint.ports.map((each) => portsText([each]))))]
  const has = port === undefined ? '' : `; its ports are ${ports.join(', ') || 'none'}`
  return `${endpoints.length === 1 ? 'one endpoint serves' : `${endpoints.length} endpoints serve`} ${text.replace(/^_[^.]*\._[^.]*\./, '')}, and none has ${asked.join(' and ')}${has}`
}

/** What DNS of the node that is asked answers. */
async function answerOfDns (call: Invocation, name: string, type: string): Promise<number> {
  const notForDns = ['selector', 'port', 'zone'].find((flag) => call.text(flag) !== undefined)
  if (notForDns !== undefined) throw new UsageError(`--${notForDns} is for endpoints: DNS is asked by name and type alone`)
  const form = outputOf(call, ['json', 'yaml'] as const)
  const answer = await (await call.api()).get<DnsAnswer>('/v1/dns/answer', { name, type, namespace: call.namespace, client: call.text('client') })
  const out = (lines: Line | readonly Line[]): void => { call.terminal.out(lines) }
  if (form !== undefined) out(await structured(answer, form))
  else {
    const { extendedError, question, rcode, flags, octets } = answer
    out(`;; status: ${rcode}, flags: ${flags.join(' ')}, ${octets} octets, revision ${answer.revision}`)
    if (extendedError !== undefined) out(`;; EDE: ${extendedError.code}: ${extendedError.text}`)
    out([';; QUESTION', `;${question.name} IN ${question.type}`])
    for (const section of ['answer', 'authority', 'additional'] as const) {
      if (answer[section].length > 0) out([`;; ${section.toUpperCase()}`, ...answer[section].map(recordLine)])
    }
    if (call.flag('trace')) out([';; TRACE', ...answer.trace.map(({ rule, message }) => `${rule}: ${message}`)])
  }
  return answer.answer.length > 0 ? exitCodes.ok : exitCodes.failure
}

function recordLine ({ name, ttl, type, data }: DnsRecord): string {
  return `${name} ${ttl} IN ${type} ${data}`
}

/** `10.0.0.1:8080`, `[2001:db8::1]:8080`; the address alone if the instance named no port. */
export function endpointLines ({ address, ports }: Endpoint, { port, protocol }: Pick<RecordName, 'port' | 'protocol'>): string[] {
  const host = address.includes(':') ? `[${address}]` : address
  if (ports.length === 0) return [host]
  return ports
    .filter((candidate) => port === undefined || candidate.name === port || String(candidate.port) === port)
    .filter((candidate) => protocol === undefined || candidate.protocol === protocol)
    .map((candidate) => `${host}:${candidate.port}`)
}
