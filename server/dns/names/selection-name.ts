// Names that choose among the endpoints of a service. Below SERVICE.NAMESPACE.svc.ZONE, counted from the right:
//
//   _zone                       nothing of its own, `pin` and `prefer` are below
//   pin._zone, prefer._zone     nothing of its own
//   X.pin._zone                 the endpoints whose zone is X
//   X.prefer._zone              those, or all if there are none
//   _tag                        nothing of its own
//   T2.T1._tag                  the endpoints that have all of the tags, up to 4; a tag is a label's key, a label's value,
//                               or VALUE._KEY: this label with this value
//   _KEY.T1._tag                nothing of its own, values of the label are below
//   _PROTOCOL.CHOICE            nothing of its own, ports are below: CHOICE is one of the names above
//   _PORT._PROTOCOL.CHOICE      the port of the chosen endpoints, as at the service
//
// No label of ours begins with "_", hostnames and keys and values begin with a letter or digit: nothing here can be two things.
import { exactTag } from '../answers/endpoint-index.ts'
import { headerLength } from '../wire/wire.ts'
import { type ServiceName, type TransportName, transports } from './service-name.ts'

/** More tags narrow nothing any more, and each makes a name of its own to keep answers for. */
export const maxTags = 4
/** `_PORT._PROTOCOL`, the tags as VALUE._KEY, `_tag`. */
export const maxSelectionLabels = 2 + 2 * maxTags + 1

/** Which endpoints are meant. Texts are in lower case. */
export type Choice =
  | { readonly by: 'pin', readonly zone: string }
  | { readonly by: 'prefer', readonly zone: string }
  | { readonly by: 'tags', readonly tags: readonly string[] }

export type SelectionName =
  /** Nothing of its own, and something below. */
  | ServiceName & { readonly kind: 'selection-branch' }
  | ServiceName & {
    readonly kind: 'selection'
    readonly choice: Choice
    readonly port?: { readonly name: string, readonly protocol: TransportName }
    /** Where the name of the service begins in a question for this one. */
    readonly serviceStart: number
  }

/**
 * Reads what is below a service and begins with `_zone` or `_tag`.
 * @param labels from the right
 * @returns undefined for anything that has no meaning
 */
export function selectionNameOf (name: ServiceName, labels: readonly string[]): SelectionName | undefined {
  const [root] = labels
  const branch = { kind: 'selection-branch', ...name } as const
  const read = root === '_zone' ? readZone(labels) : readTags(labels)
  if (read === undefined) return undefined
  const { choice, rest } = read
  const [below, portLabel, more] = rest
  if (choice === undefined) return below === undefined ? branch : undefined
  const serviceStart = labels.reduce((sum, label) => sum + 1 + label.length, headerLength)
  const selection = { kind: 'selection', ...name, choice, serviceStart } as const
  if (below === undefined) return selection
  const protocol = transports.get(below)
  // A last label with "_" is a protocol, or the key of a tag whose values are below.
  if (portLabel === undefined) return protocol !== undefined || (choice.by === 'tags' && choice.tags.length < maxTags) ? branch : undefined
  return protocol !== undefined && portLabel.startsWith('_') && more === undefined ? { ...selection, port: { name: portLabel.slice(1), protocol } } : undefined
}

/** Without a choice nothing was chosen yet. `rest`: the labels that begin with "_", or none. */
interface Read {
  readonly choice?: Choice
  readonly rest: readonly string[]
}

function readZone ([, by, zone, ...rest]: readonly string[]): Read | undefined {
  if (by === undefined) return { rest: [] }
  if (by !== 'pin' && by !== 'prefer') return undefined
  if (zone === undefined) return { rest: [] }
  return zone.startsWith('_') || rest[0]?.startsWith('_') === false ? undefined : { choice: { by, zone }, rest }
}

function readTags (labels: readonly string[]): Read | undefined {
  const tags: string[] = []
  let at = 1
  for (let label = labels[at]; label !== undefined; label = labels[at]) {
    const next = labels[at + 1]
    if (!label.startsWith('_')) {
      tags.push(label)
      at++
    } else if (next !== undefined && !next.startsWith('_')) { // VALUE._KEY
      tags.push(exactTag(label.slice(1), next))
      at += 2
    } else break
  }
  if (tags.length > maxTags) return undefined
  const rest = labels.slice(at)
  if (tags.length > 0) return { choice: { by: 'tags', tags: tags.sort() }, rest }
  return rest.length > 1 ? undefined : { rest: [] } // `_tag` itself, or a key whose values are below
}
