// The metadata of every object, and other shapes that several kinds share. Field numbers are those of Kubernetes'
// generated.proto.
import { anything, flag, list, long, map, named, struct, text, time } from './field-type.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

const ownerReference = struct(`${meta}.OwnerReference`, 'The object that another belongs to.', {
  apiVersion: [5, text, 'API version of the owner.', { required: true }],
  blockOwnerDeletion: [7, flag, 'The owner is not to go before this object. Nothing here acts on it.'],
  controller: [6, flag, 'The owner is the one that manages this object.'],
  kind: [1, text, 'Kind of the owner.', { required: true }],
  name: [3, text, 'Name of the owner.', { required: true }],
  uid: [4, named('types.UID'), 'Identity of the owner.', { required: true }]
}, { atomic: true })

const managedFields = struct(`${meta}.ManagedFieldsEntry`, 'Which fields one manager set, and how.', {
  apiVersion: [3, text, 'API version that the fields are named in.'],
  fieldsType: [6, text, 'The form of the set of fields: FieldsV1.'],
  fieldsV1: [7, anything, 'The set of fields, as a tree.'],
  manager: [1, text, 'Who set the fields.'],
  operation: [2, named('v1.ManagedFieldsOperationType'), 'Apply, or Update for every other way.'],
  subresource: [8, text, 'The subresource that was written through.'],
  time: [4, time, 'When the set changed last.']
})

export const objectMeta = struct(`${meta}.ObjectMeta`, 'Metadata that every object has.', {
  annotations: [12, map(), 'Texts that programs attach to the object. They cannot be selected on.'],
  creationTimestamp: [8, time, 'When the object was created. The registry sets it.'],
  deletionGracePeriodSeconds: [10, long, 'Seconds until a deletion takes effect. Objects go at once here.'],
  deletionTimestamp: [9, time, 'When the object is to go. Objects go at once here.'],
  finalizers: [14, list(text, 'set', ''), 'Who must agree before the object goes. Nothing here acts on it.'],
  generateName: [2, text, 'Beginning of a name that the registry completes, where no name is given.'],
  generation: [7, long, 'Grows with each change of the specification. The registry sets it.'],
  labels: [11, map(), 'Texts that the object can be selected by.'],
  managedFields: [17, list(managedFields), 'Which manager set which fields. The registry keeps it.'],
  name: [1, text, 'Name of the object, unique in its namespace. It cannot change.'],
  namespace: [3, text, 'Namespace of the object. It cannot change.'],
  ownerReferences: [13, list(ownerReference, ['uid'], 'uid'),
    'Objects that this one belongs to. Nothing here acts on it.'],
  resourceVersion: [6, text,
    'Revision of the registry that last changed the object: an update that names an older one is refused.'],
  selfLink: [4, text, 'Not used any more.'],
  uid: [5, named('types.UID'), 'Identity of this object among all that had its name. The registry sets it.']
})

export const condition = struct(`${meta}.Condition`, 'One aspect of the state of an object.', {
  lastTransitionTime: [4, time, 'When the status changed last.', { required: true }],
  message: [6, text, 'What happened, for people.', { required: true }],
  observedGeneration: [3, long, 'The generation that the condition speaks of.'],
  reason: [5, text, 'Why, as one word.', { required: true }],
  status: [2, named('v1.ConditionStatus'), 'True, False or Unknown.', { required: true }],
  type: [1, text, 'Which aspect.', { required: true }]
})

export const objectReference = struct('io.k8s.api.core.v1.ObjectReference', 'Names another object.', {
  apiVersion: [5, text, 'API version of the object.'],
  fieldPath: [7, text, 'A part of the object.'],
  kind: [1, text, 'Kind of the object.'],
  name: [3, text, 'Name of the object.'],
  namespace: [2, text, 'Namespace of the object.'],
  resourceVersion: [6, text, 'Resource version of the object.'],
  uid: [4, named('types.UID'), 'Identity of the object.']
}, { atomic: true })

const preconditions = struct(`${meta}.Preconditions`, 'What must hold of the object, or nothing is done.', {
  resourceVersion: [2, text, 'Its resource version.'],
  uid: [1, named('types.UID'), 'Its identity.']
})

/** The body of a deletion. */
export const deleteOptions = struct(`${meta}.DeleteOptions`, 'How an object is deleted.', {
  apiVersion: [0, text, 'API version of the options.'],
  dryRun: [5, list(text), 'All: say what would be done, and do nothing.'],
  gracePeriodSeconds: [1, long, 'Seconds to wait. Objects go at once here.'],
  ignoreStoreReadErrorWithClusterBreakingPotential: [6, flag, 'For objects that cannot be read. Not supported here.'],
  kind: [0, text, 'Kind of the options.'],
  orphanDependents: [3, flag, 'Leave what belongs to the object. Older form of propagationPolicy.'],
  preconditions: [2, preconditions, 'What must hold of the object, or it is not deleted.'],
  propagationPolicy: [4, named('v1.DeletionPropagation'),
    'Foreground, Background or Orphan: what becomes of what belongs to the object.']
})
