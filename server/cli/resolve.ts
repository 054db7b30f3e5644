// rollcall resolve: who serves a name, one address:port per line, by the same rules as every caller is answered.
import type { Endpoint, EndpointsAnswer } from '../../client-sdk/src/wire.ts'
import { path } from './api.ts'
import { connectionFlags, namespaceFlag, type Command } from './command.ts'
import { exitCodes } from './errors.ts'
import { outputOf, structured } from './output.ts'
import { readRecordName, type RecordName } from './record-name.ts'

export const resolve: Command = {
  name: 'resolve',
  summary: 'Shows who serves a name, as address:port lines',
  usage: 'resolve NAME [flags]',
  details: `NAME is written as in DNS: orders, orders.shop, orders.shop.svc.cluster.local, _http._tcp.orders.shop.
The registry is asked by HTTP; use dig for what its DNS answers. Exit code 1 if nobody serves the name.`,
  flags: {
    ...namespaceFlag,
    selector: { type: 'string', short: 'l', metavar: 'SELECTOR', what: 'Only endpoints with these labels' },
    port: { type: 'string', short: 'p', metavar: 'PORT', what: 'Only this port, by name or number' },
    zone: { type: 'string', metavar: 'ZONE', what: 'Only endpoints in this zone' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the whole answer instead of lines' },
    ...connectionFlags
  },
  examples: [
    ['resolve orders', 'every port of every endpoint'],
    ['resolve _http._tcp.orders.shop', 'the port called http, in namespace shop'],
    ['resolve orders -p http | shuf -n 1', 'one of them, for a script']
  ],
  run: async (call) => {
    const [text = ''] = call.arguments('NAME')
    const name = readRecordName(text)
    const form = outputOf(call, ['json', 'yaml'] as const)
    const wanted = { ...name, port: call.text('port') ?? name.port }
    const answer = await call.api().get<EndpointsAnswer>(path('namespaces', name.namespace ?? call.namespace, 'services', name.service, 'endpoints'), {
      selector: call.text('selector'), port: wanted.port, zone: call.text('zone')
    })
    if (answer.failOpen) call.terminal.err('All instances that could serve are suspect; they are answered all the same (fail open).')
    if (form !== undefined) call.terminal.out(await structured(answer, form))
    else answer.endpoints.flatMap((endpoint) => endpointLines(endpoint, wanted)).forEach((line) => { call.terminal.out(line) })
    if (answer.endpoints.length > 0) return exitCodes.ok
    call.terminal.err(`rollcall: nobody serves ${text}`)
    return exitCodes.failure
  }
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
