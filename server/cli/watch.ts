// rollcall watch: what changes, as it happens, and why.
import type { Service } from '../../client-sdk/src/manifests.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { connectionFlags, label, namespaceFlag, type Command } from './command.ts'
import { UsageError } from './errors.ts'
import { outputOf } from './output.ts'
import { clusterIpText, portsText, servicePortsText, statusColour, statusText } from './shapes.ts'
import { Table, type Column } from './table.ts'
import type { Colour } from './line.ts'
import { eventsOf } from './watch-rows.ts'

interface Line {
  readonly at: string
  readonly what: string
  readonly name: string
  readonly address: string
  readonly ports: string
  readonly status: string
  readonly colour: Colour | undefined
}

const widestReason = 'override-removed'.length // so that later lines stand in the columns of the first

const columns: readonly Column<Line>[] = [
  { title: 'TIME', value: ({ at }) => at },
  { title: 'CHANGE', value: ({ what }) => what.padEnd(widestReason) },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'ADDRESS', value: ({ address }) => address },
  { title: 'PORTS', value: ({ ports }) => ports },
  { title: 'STATUS', value: ({ status }) => status, colour: ({ colour }) => colour }
]

function instanceLine (at: string, what: string, instance: Instance): Line {
  const { namespace, service, id, address, ports } = instance
  return {
    at, what, name: `${namespace}/${service}/${id}`, address, ports: portsText(ports), status: statusText(instance),
    colour: statusColour(instance.effectiveStatus, instance.suspect)
  }
}

/** A declared service has its cluster address, or the name that it stands for, and its type. */
function serviceLine (at: string, what: string, service: Service): Line {
  const { metadata: { namespace, name }, spec: { type, externalName } } = service
  return { at, what, name: `${namespace}/${name}`, address: externalName ?? clusterIpText(service), ports: servicePortsText(service), status: type, colour: undefined }
}

export const watch: Command = {
  name: 'watch',
  summary: 'Shows each change of an instance or a declared service as it happens, and why',
  usage: 'watch [SERVICE] [flags]',
  details: `Begins with what is (CHANGE "present"), then goes on until Ctrl-C, also when the registry is away for a while.
With -o json each event is one line: snapshot, put, delete, service, bookmark or reset, with its revision.`,
  flags: {
    ...namespaceFlag,
    'all-namespaces': { type: 'boolean', short: 'A', what: 'All namespaces' },
    selector: { type: 'string', short: 'l', metavar: 'SELECTOR', what: 'Only instances with these labels' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'table or json (default table)' },
    ...connectionFlags
  },
  examples: [
    ['watch orders', 'the comings and goings of one service'],
    ['watch -A -o json', 'everything, one JSON event per line']
  ],
  run: async (call) => {
    const [service, surplus] = call.positionals
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    const all = call.flag('all-namespaces')
    if (all && call.text('namespace') !== undefined) throw new UsageError('--namespace and --all-namespaces exclude each other')
    const asJson = outputOf(call, ['table', 'json'] as const) === 'json'
    const { terminal } = call
    const table = new Table(columns, { wide: false, colours: terminal.colours })
    const print = (lines: Line[]): void => { if (lines.length > 0) terminal.out(table.lines(lines)) }
    const events = eventsOf(call, {
      api: await call.api(),
      namespace: all ? undefined : call.namespace,
      service: service === undefined ? undefined : label('service', service),
      selector: call.text('selector')
    })
    for await (const event of events) {
      if (asJson) terminal.out(JSON.stringify(event))
      else if (event.type === 'snapshot') {
        print([
          ...(event.services ?? []).map((service) => serviceLine(service.metadata.creationTimestamp ?? '', 'present', service)),
          ...event.instances.map((instance) => instanceLine(instance.updatedAt, 'present', instance))
        ])
      } else if (event.type === 'put' || event.type === 'delete') print([instanceLine(event.at, event.reason, event.instance)])
      else if (event.type === 'service') print([serviceLine(event.at, event.reason, event.service)])
      else if (event.type === 'reset') terminal.err(`rollcall: the watch begins anew: ${event.reason}`)
    }
  }
}
