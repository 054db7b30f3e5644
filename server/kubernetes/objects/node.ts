// A machine as a Node: it is there because an agent, or an instance that names it, is on it.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { showIp } from '../../model/address/ranges.ts'
import { agentNamespace, agentService } from '../../model/agent-name.ts'
import { trafficAgentOf } from '../../model/traffic-agent.ts'
import { type KubeObject, derivedUid, wholeSeconds } from './meta.ts'

/** More would make an object of every machine that runs thousands. */
const maxAddresses = 16

export function isAgent ({ namespace, service }: Pick<Instance, 'namespace' | 'service'>): boolean {
  return namespace === agentNamespace && service === agentService
}

/** The machine of an instance; undefined = it names none. */
export function nodeNameOf (instance: Instance): string | undefined {
  return instance.node ?? (isAgent(instance) ? trafficAgentOf(instance).node : undefined)
}

/** @param instances those on it, at least one */
export function nodeOf (name: string, instances: readonly Instance[], revision: number): KubeObject {
  const agent = instances.find(isAgent)
  const one = agent ?? instances[0]
  const isReady = agent === undefined ? instances.some(({ suspect }) => !suspect) : !agent.suspect && agent.effectiveStatus !== 'down'
  const oldest = instances.reduce((found, { createdAt }) => (createdAt < found ? createdAt : found), one?.createdAt ?? '')
  const zone = instances.find((each) => each.zone !== undefined)?.zone
  const region = instances.find((each) => each.region !== undefined)?.region
  const own = agent === undefined ? [] : trafficAgentOf(agent).addresses.map(({ family, value }) => showIp(family, value))
  const addresses = [...new Set(own.length > 0 ? own : instances.map(({ address }) => address))].slice(0, maxAddresses)
  const capacity = { cpu: '1', memory: '1Gi', pods: String(Math.max(110, instances.length)) }
  const changed = instances.reduce((found, { updatedAt }) => (updatedAt > found ? updatedAt : found), oldest)
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name, uid: derivedUid('Node', name), resourceVersion: String(revision), creationTimestamp: wholeSeconds(oldest),
      // kubectl divides by it: without a number it prints garbage.
      annotations: { 'rollcall.dev/capacity': 'unknown' },
      labels: {
        'kubernetes.io/hostname': name,
        ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
        ...(region === undefined ? {} : { 'topology.kubernetes.io/region': region }),
        ...(agent === undefined ? {} : { 'node-role.kubernetes.io/proxy': '' })
      }
    },
    spec: {},
    status: {
      addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
      capacity,
      allocatable: capacity,
      conditions: [{
        type: 'Ready', status: isReady ? 'True' : 'False', reason: isReady ? 'InstancesAlive' : 'InstancesSuspect',
        message: isReady ? 'what runs there sends heartbeats' : 'nothing that runs there sends heartbeats',
        lastHeartbeatTime: wholeSeconds(changed), lastTransitionTime: wholeSeconds(changed)
      }],
      nodeInfo: {
        machineID: '', systemUUID: '', bootID: '', kernelVersion: '', osImage: '', containerRuntimeVersion: '', kubeletVersion: agent?.version ?? '', kubeProxyVersion: agent?.version ?? '',
        operatingSystem: '', architecture: ''
      }
    }
  }
}
