// Which objects of a list or a watch are meant: by labels and by fields.
import type { LabelLookup, Selector } from '../../model/instance/selector.ts'
import { everything, matches, parseSelector } from '../../model/instance/selector.ts'
import { RegistryError } from '../../errors.ts'
import { badRequest } from '../answers/status.ts'
import { type Kind, apiVersionOf } from '../kinds.ts'
import type { KubeObject } from '../objects/meta.ts'

interface FieldRequirement {
  readonly path: readonly string[]
  readonly value: string
  readonly isEqual: boolean
}

export interface ObjectSelector {
  readonly labels: Selector
  readonly fields: readonly FieldRequirement[]
  /** The one name that fits; undefined = several may. */
  readonly name: string | undefined
  /** The one namespace that fits. */
  readonly namespace: string | undefined
}

/** Beside `metadata.name` and `metadata.namespace`. */
const selectable: Readonly<Record<string, readonly string[]>> = {
  Service: ['spec.clusterIP', 'spec.type'],
  Pod: ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork', 'status.phase', 'status.podIP', 'status.podIPs', 'status.nominatedNodeName'],
  Node: ['spec.unschedulable'],
  Namespace: ['status.phase'],
  Event: [
    'involvedObject.kind', 'involvedObject.namespace', 'involvedObject.name', 'involvedObject.uid', 'involvedObject.apiVersion',
    'involvedObject.resourceVersion', 'involvedObject.fieldPath', 'reason', 'reportingComponent', 'source', 'type'
  ]
}
/** Far above honest use: each is looked at for each object. */
const maxFields = 64

/** @throws StatusError 400 for what is no selector, or of a field that cannot be selected by */
export function readSelectors (kind: Kind, labelSelector: string, fieldSelector: string): ObjectSelector {
  const fields = readFields(kind, fieldSelector)
  const only = (name: string): string | undefined => fields.find(({ path, isEqual }) => isEqual && path.join('.') === `metadata.${name}`)?.value
  return { labels: readLabels(labelSelector), fields, name: only('name'), namespace: only('namespace') }
}

function readLabels (text: string): Selector {
  if (text === '') return everything
  try {
    return parseSelector(text, 'labelSelector')
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw badRequest(`unable to parse requirement: ${error.message}`)
  }
}

/** `=`, `==` and `!=` between a field and a value; `\`, `,` and `=` in a value stand behind a `\`. */
function readFields (kind: Kind, text: string): readonly FieldRequirement[] {
  if (text === '') return []
  const terms = text.split(/(?<!\\),/).map((term) => term.trim()).filter((term) => term !== '')
  if (terms.length > maxFields) throw badRequest(`a field selector has at most ${maxFields} terms, got ${terms.length}`)
  return terms.map((term) => {
    const match = /^([^=!]+?)\s*(!=|==?)\s*(.*)$/.exec(term)
    if (match === null) throw badRequest(`invalid selector: '${text.slice(0, 200)}'; can't understand '${term.slice(0, 200)}'`)
    const [, field = '', operator, value = ''] = match
    if (field !== 'metadata.name' && field !== 'metadata.namespace' && selectable[kind.kind]?.includes(field) !== true) {
      throw badRequest(`Unable to find ${JSON.stringify(apiVersionOf(kind))}, Kind=${kind.kind} that match label selector "", field selector ${JSON.stringify(text.slice(0, 200))}: field label not supported: ${field}`)
    }
    return { path: field.split('.'), value: value.replaceAll(/\\([\\,=])/g, '$1'), isEqual: operator !== '!=' }
  })
}

/** Whether a selector takes all there are, so that no object need be looked at. */
export function takesAll ({ labels, fields }: ObjectSelector): boolean {
  return labels.requirements.length === 0 && fields.length === 0
}

export function selectsObject ({ labels, fields }: ObjectSelector, object: KubeObject): boolean {
  const own = object.metadata.labels
  const label: LabelLookup = (key) => (own !== undefined && Object.hasOwn(own, key) ? own[key] : undefined)
  if (labels.requirements.length > 0 && !matches(labels, label)) return false
  return fields.every(({ path, value, isEqual }) => (fieldOf(object, path) === value) === isEqual)
}

/** What is not there is the empty text, as Kubernetes has it. */
function fieldOf (object: KubeObject, path: readonly string[]): string {
  let value: unknown = object
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[part] : undefined
  return typeof value === 'string' ? value : typeof value === 'boolean' || typeof value === 'number' ? String(value) : ''
}
