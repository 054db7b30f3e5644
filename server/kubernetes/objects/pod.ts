// An instance as a Pod: Kubernetes' word for one running copy. Its name is the id of the instance, as far as that is a legal name.
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { hash } from 'node:crypto'
import { subdomainPattern } from '../../model/names.ts'
import { type KubeObject, derivedUid, wholeSeconds } from './meta.ts'

const legal = new RegExp(subdomainPattern)
/** Characters of an id that a made-up name keeps: with the hash it is a legal name and can be recognised. */
const keptLength = 200

/** Names the instance within its service where the id alone does not. */
export const idAnnotation = 'rollcall.dev/id'

/** The name of a pod whose id no other service of the namespace has. */
export function podNameOfId (id: string): string {
  if (legal.test(id)) return id
  const kept = id.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, keptLength)
  return `${kept === '' ? 'instance' : kept.replace(/-+$/, '')}-${hash('sha256', id, 'hex').slice(0, 8)}`
}

export function podUid ({ namespace, service, id, createdAt }: Pick<Instance, 'namespace' | 'service' | 'id' | 'createdAt'>): string {
  return derivedUid('Pod', namespace, service, id, createdAt)
}

/** Labels by which it is selected: its own, and the one that every instance has. */
export function podLabels ({ labels, service }: Pick<Instance, 'labels' | 'service'>): Readonly<Record<string, string>> {
  return { ...labels, [serviceLabel]: service }
}

/** What stands under STATUS instead of `Running`, and why. */
function stateOf (instance: Instance): { readonly reason: string, readonly message: string } | undefined {
  const { effectiveStatus, suspect, override } = instance
  if (suspect) return { reason: 'Suspect', message: 'its heartbeats stopped, or its session broke' }
  const by = override?.status === undefined ? 'it says so itself' : `${override.author}: ${override.reason}`
  if (effectiveStatus === 'draining') return { reason: 'Draining', message: by }
  if (effectiveStatus === 'down') return { reason: 'Down', message: by }
  if (effectiveStatus === 'starting') return { reason: 'Starting', message: by }
  return undefined
}

export function podOf (instance: Instance, name: string, revision: number): KubeObject {
  const { namespace, service, id, address, ports, conditions, createdAt, updatedAt, node, hostname, version, generation } = instance
  const state = stateOf(instance)
  const created = wholeSeconds(createdAt)
  const image = `${service}:${version ?? 'unknown'}`
  const condition = (type: string, isTrue: boolean): object => ({
    type, status: isTrue ? 'True' : 'False', lastProbeTime: null, lastTransitionTime: type === 'Ready' ? wholeSeconds(updatedAt) : created,
    ...(isTrue || state === undefined ? {} : state)
  })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name, namespace, uid: podUid(instance), resourceVersion: String(revision), creationTimestamp: created, labels: podLabels(instance),
      annotations: { [idAnnotation]: `${service}/${id}`, 'rollcall.dev/generation': generation }
    },
    spec: {
      containers: [{
        name: service, image, imagePullPolicy: 'IfNotPresent', resources: {},
        ...(ports.length === 0 ? {} : { ports: ports.map(({ name: port, port: containerPort, protocol }) => ({ ...(port === '' ? {} : { name: port }), containerPort, protocol })) })
      }],
      restartPolicy: 'Always',
      ...(node === undefined ? {} : { nodeName: node }),
      ...(hostname === undefined ? {} : { hostname })
    },
    status: {
      phase: 'Running',
      ...state,
      conditions: [condition('Initialized', true), condition('Ready', conditions.ready), condition('ContainersReady', conditions.serving), condition('PodScheduled', true)],
      podIP: address,
      podIPs: [{ ip: address }],
      startTime: created,
      containerStatuses: [{ name: service, ready: conditions.ready, started: true, restartCount: 0, image, imageID: '', state: { running: { startedAt: created } }, lastState: {} }],
      qosClass: 'BestEffort'
    }
  }
}
