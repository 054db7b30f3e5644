// What a client wants to be answered: the object, its table, or its metadata alone. Content negotiation as the API server does it:
//
//   Accept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json
//
// Protobuf is never answered: every client of Kubernetes decodes by the content type of the answer.
import { notAcceptable } from '../answers/status.ts'

export type Form = 'object' | 'table' | 'metadata'

export interface Wanted {
  readonly form: Form
  /** `v1` or `v1beta1` of meta.k8s.io, for tables and metadata. */
  readonly version: string
}

export interface Clause {
  readonly media: string
  readonly parameters: ReadonlyMap<string, string>
}

const offered = ['application/json', 'application/vnd.kubernetes.protobuf']
const forms: Readonly<Record<string, Form>> = { Table: 'table', PartialObjectMetadata: 'metadata', PartialObjectMetadataList: 'metadata' }
/** Clauses that are looked at: an honest client sends three. */
const maxClauses = 32

export function clausesOf (accept: string): readonly Clause[] {
  return accept.split(',', maxClauses).map((clause) => {
    const [media = '', ...parameters] = clause.split(';').map((part) => part.trim())
    return { media: media.toLowerCase(), parameters: new Map(parameters.map((parameter): [string, string] => {
      const at = parameter.indexOf('=')
      return at === -1 ? [parameter, ''] : [parameter.slice(0, at), parameter.slice(at + 1)]
    })) }
  }).filter(({ media }) => media !== '')
}

/** The first clause that can be answered. @throws StatusError 406 */
export function readAccept (accept: string | undefined): Wanted {
  const clauses = clausesOf(accept ?? '')
  for (const { media, parameters } of clauses) {
    if (!isJson(media)) continue
    const as = parameters.get('as')
    if (as === undefined) return { form: 'object', version: 'v1' }
    const form = forms[as]
    const version = parameters.get('v') ?? ''
    if (form !== undefined && parameters.get('g') === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1')) return { form, version }
  }
  if (clauses.length === 0 || clauses.some(({ media, parameters }) => media === 'application/vnd.kubernetes.protobuf' && !parameters.has('as'))) return { form: 'object', version: 'v1' }
  throw notAcceptable(offered)
}

function isJson (media: string): boolean {
  return media === 'application/json' || media === '*/*' || media === 'application/*'
}
