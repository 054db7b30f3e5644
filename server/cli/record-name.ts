// The names that `rollcall resolve` takes: those of DNS, from the bare service to the full name.
//
//   name = [ "_" port "._" protocol "." ] service [ "." namespace [ ".svc" [ "." zone ] ] ] [ "." ]
import { UsageError } from './errors.ts'
import { label } from './command.ts'

export interface RecordName {
  readonly service: string
  /** undefined = the namespace of the command line */
  readonly namespace: string | undefined
  readonly port: string | undefined
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | undefined
}

const shape = 'a name is SERVICE, SERVICE.NAMESPACE, SERVICE.NAMESPACE.svc or SERVICE.NAMESPACE.svc.ZONE, with _port._protocol. before it if a port is meant'

/** @throws UsageError if the text has none of the shapes above */
export function readRecordName (text: string): RecordName {
  const labels = text.replace(/\.$/, '').split('.')
  let port: string | undefined
  let protocol: RecordName['protocol']
  if (labels[0]?.startsWith('_') === true) {
    port = labels.shift()?.slice(1)
    const word = labels.shift()
    protocol = (['TCP', 'UDP', 'SCTP'] as const).find((known) => `_${known.toLowerCase()}` === word)
    if (port === '' || protocol === undefined) throw new UsageError(`_port must be followed by _tcp, _udp or _sctp, got ${JSON.stringify(text)}`)
  }
  const [service, namespace, svc, ...zone] = labels
  const hasZoneShape = svc === undefined || (svc === 'svc' && zone.every((part) => part !== ''))
  if (service === undefined || !hasZoneShape) throw new UsageError(`${shape}; got ${JSON.stringify(text)}`)
  return {
    service: label('service', service),
    namespace: namespace === undefined ? undefined : label('namespace', namespace),
    port,
    protocol
  }
}
