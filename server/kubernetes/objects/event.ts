// What changed lately as Events, so that `describe` shows it below the object that it is about.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { apiVersions } from '../../model/service/types.ts'
import { type AppliedChange, changedObjectKind } from '../../registry/core.ts'
import { type KubeObject, derivedUid, wholeSeconds } from './meta.ts'
import { podUid } from './pod.ts'

/** As `kubectl get events` shows it: a word, whether it is a warning, and what people read. */
const texts: Readonly<Record<Reason, readonly [reason: string, type: 'Normal' | 'Warning', message: string]>> = {
  registered: ['Registered', 'Normal', 'was registered'],
  updated: ['Updated', 'Normal', 'was updated'],
  replaced: ['Replaced', 'Normal', 'was replaced by a new life'],
  deregistered: ['Deregistered', 'Normal', 'was deregistered'],
  expired: ['Expired', 'Warning', 'was removed: its lease ran out'],
  suspect: ['Suspect', 'Warning', 'is suspect: its heartbeats stopped or its session broke'],
  renewed: ['Renewed', 'Normal', 'is trusted again: its heartbeats are back'],
  override: ['Overridden', 'Normal', 'was overridden'],
  'override-removed': ['OverrideRemoved', 'Normal', 'is no longer overridden'],
  'override-ended': ['OverrideEnded', 'Normal', 'is no longer overridden: the time was up'],
  recovered: ['Recovered', 'Normal', 'was restored from what a node remembered'],
  declared: ['Declared', 'Normal', 'was declared'],
  removed: ['Removed', 'Normal', 'was removed'],
  noticed: ['Noticed', 'Normal', 'was told of']
}

/** What a change is about: a pod, or what was declared. undefined = of the registry's own bookkeeping nothing is told. */
function involved (change: AppliedChange, podName: (change: AppliedChange) => string): object | undefined {
  const { kind, target: { namespace, service, id }, instance, service: declared } = change
  const reference = (of: string, name: string, uid: string | undefined, apiVersion = 'v1'): object => ({
    kind: of, ...(of === 'Namespace' || of === 'Policy' || of === 'IngressClass' ? {} : { namespace }), name, ...(uid === undefined ? {} : { uid }), apiVersion, resourceVersion: String(change.revision)
  })
  switch (kind) {
    case 'instance': return reference('Pod', podName(change), instance === undefined ? undefined : podUid(instance))
    case 'service': return reference('Service', service, declared?.manifest.metadata.uid)
    case 'endpoints': return reference('Endpoints', service, undefined)
    case 'namespace': return reference('Namespace', namespace, undefined)
    case 'policy': return reference('Policy', id, undefined, 'rollcall.dev/v1')
    case 'claim': case 'secret': return undefined
    case 'notice': return change.notice === undefined ? undefined : reference(change.notice.about, id, change.notice.uid, apiVersions[change.notice.about])
    default: {
      const declared = changedObjectKind(kind)
      return declared === undefined ? undefined : reference(declared, id, storedUid(change), apiVersions[declared])
    }
  }
}

/** Of an object that is there after the change: `kubectl describe` asks for the events of its uid. */
function storedUid ({ object }: AppliedChange): string | undefined {
  if (object === undefined || !('body' in object)) return undefined
  const { metadata } = JSON.parse(object.body) as { readonly metadata?: { readonly uid?: string } } // it has been read before
  return metadata?.uid
}

export function eventOf (change: AppliedChange, namespace: string, podName: (change: AppliedChange) => string): KubeObject | undefined {
  const about = involved(change, podName) as { readonly kind: string, readonly name: string } | undefined
  if (about === undefined) return undefined
  const { notice } = change
  const [reason, type, text] = notice === undefined ? texts[change.reason] : [notice.reason, notice.type, '']
  const at = new Date(change.atMs).toISOString()
  const time = wholeSeconds(at)
  const by = change.by === '' || change.by === 'registry' ? '' : ` by ${change.by}`
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${about.name}.${change.revision.toString(16).padStart(16, '0')}`, namespace, uid: derivedUid('Event', String(change.revision), String(change.atMs)),
      resourceVersion: String(change.revision), creationTimestamp: time
    },
    involvedObject: about,
    reason,
    message: notice?.message ?? `${about.kind === 'Pod' ? `${change.target.id} of ${change.target.service}` : `${about.kind} ${about.name}`} ${text}${by}`,
    source: { component: 'rollcall' },
    firstTimestamp: time, lastTimestamp: time, count: 1, type, eventTime: null, reportingComponent: 'rollcall', reportingInstance: ''
  }
}
