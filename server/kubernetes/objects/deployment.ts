// The workload that instances share as a Deployment: those that registered under one service name or, where there is no such name, those with
// one value of the label `app`. It starts and stops nothing: it wants as many as there are.
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { compact } from '../../model/service/schema.ts'
import { type KubeObject, type Metadata, derivedUid, wholeSeconds } from './meta.ts'

export const workloadLabel = 'app'
/** Ports of one container: an honest workload has a handful. */
const maxPorts = 100

/**
 * @param isService they registered under its name
 * @param instances at least one
 */
export function deploymentOf (namespace: string, name: string, isService: boolean, instances: readonly Instance[], revision: number): KubeObject {
  const count = instances.length
  const ready = instances.filter(({ conditions }) => conditions.ready).length
  const oldest = instances.reduce((found, { createdAt }) => (found === '' || createdAt < found ? createdAt : found), '')
  const labels = selectorOf(name, isService, instances)
  const [first] = instances
  const ports = new Map(instances.flatMap((each) => each.ports).map(({ name: port, port: containerPort, protocol }) => [
    `${containerPort}/${protocol}`, { ...(port === '' ? {} : { name: port }), containerPort, protocol }
  ]))
  const image = `${name}:${first?.version ?? 'unknown'}`
  const isAvailable = ready === count
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name, namespace, uid: derivedUid('Deployment', namespace, name), resourceVersion: String(revision), creationTimestamp: wholeSeconds(oldest), generation: 1, labels,
      annotations: { 'deployment.kubernetes.io/revision': '1' }
    },
    spec: {
      replicas: count,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, creationTimestamp: null },
        spec: {
          containers: [{
            name: isService ? name : first?.service ?? name, image, resources: {},
            ...(ports.size === 0 ? {} : { ports: [...ports.values()].slice(0, maxPorts) })
          }],
          restartPolicy: 'Always'
        }
      },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } }
    },
    status: {
      observedGeneration: 1, replicas: count, updatedReplicas: count, ...(ready === 0 ? {} : { readyReplicas: ready, availableReplicas: ready }),
      ...(ready === count ? {} : { unavailableReplicas: count - ready }),
      conditions: [
        { type: 'Available', status: ready > 0 ? 'True' : 'False', reason: ready > 0 ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable', message: `${ready} of ${count} instances are ready` },
        { type: 'Progressing', status: 'True', reason: isAvailable ? 'NewReplicaSetAvailable' : 'InstancesNotReady', message: 'instances come and go by themselves' }
      ]
    }
  }
}

/** By the label `app` where all of them share a value, as people write selectors; else by the service. */
function selectorOf (name: string, isService: boolean, instances: readonly Instance[]): Readonly<Record<string, string>> {
  const value = instances[0]?.labels[workloadLabel]
  if (!isService || (value === name && instances.every(({ labels }) => labels[workloadLabel] === value))) return { [workloadLabel]: name }
  return { [serviceLabel]: name }
}

interface DeploymentSpec {
  readonly replicas: number
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
}

/** What `scale` reads and writes. */
export function scaleOf (deployment: KubeObject): KubeObject {
  const { metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, spec } = deployment
  const { replicas, selector: { matchLabels } } = spec as DeploymentSpec // as it is made above
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: compact<Metadata>({ name, namespace, uid, resourceVersion, creationTimestamp }),
    spec: { replicas },
    status: { replicas, selector: Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`).join(',') }
  }
}
