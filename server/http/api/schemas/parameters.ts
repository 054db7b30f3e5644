// Parameters of paths and queries.
import { Type } from 'typebox'
import { InstanceId, LabelName } from '../../../model/instance/instance.ts'
import { labelPattern } from '../../../model/names.ts'

/** A port in a query. The names of hand-made endpoints are labels, longer than those of instances. */
export const PortText = Type.String({
  pattern: `^(?:(?!\\d+$)${labelPattern.slice(1, -1)}|[1-9]\\d{0,4})$`, rule: 'must be the name or the number of a port'
})
export const NamespaceParams = Type.Object({ namespace: LabelName })
export const ServiceParams = Type.Object({ namespace: LabelName, service: LabelName })
export const InstanceParams = Type.Object({ namespace: LabelName, service: LabelName, id: InstanceId })
