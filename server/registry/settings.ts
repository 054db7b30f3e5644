// All settings of the core: what is given to declared services, how long leases, overrides and sessions last, the brakes, and what a node
// remembers of the history.
import { Type, type Static, type TObject } from 'typebox'
import { between, doc, type Origins, readAll, room } from '../config/setting.ts'
import { defaultNodePorts, defaultServiceCidr, readPools, readPortRange, readServiceCidrs } from '../model/address/ranges.ts'
import type { RegistryOptions } from './registry.ts'

const day = 86_400_000
const minute = 60_000

export const registryRoom = room({
  title: 'the registry',
  settings: {
    serviceCidrs: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 2, ...doc({
      name: 'service-cidr', kind: 'network', default: defaultServiceCidr, multiple: true,
      what: 'The networks that cluster IPs of declared services come from: one, or one of each family. The first is the family of services that ask for none. The first 256 addresses are given only on request, or when the others are taken. Nodes on one Redis should have the same; where they differ they report it, and services keep what they have.',
      why: 'What most Kubernetes clusters use, so that the addresses in manifests fit. Nothing listens on them yet.',
      raise: 'Nothing: an address costs nothing until it is given.', lower: 'Services beyond it are kept as they are, and new ones find no address.'
    }) }),
    nodePortRange: Type.String({ maxLength: 11, ...doc({
      name: 'node-port-range', kind: 'ports', default: defaultNodePorts,
      what: 'The ports that node ports and health-check ports of declared services come from. The first 86 of the default are given only on request, or when the others are taken. Nodes on one Redis should have the same; where they differ they report it, and services keep what they have.',
      why: 'What Kubernetes uses: below the ports that Linux takes for outgoing connections (32768-60999).',
      raise: 'Into the ports of outgoing connections: whoever listens on a node port may find it in use.', lower: 'Fewer services of the types NodePort and LoadBalancer.'
    }) }),
    loadBalancerPools: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 4_096, ...doc({
      name: 'load-balancer-pool', kind: 'pool', multiple: true,
      what: 'Pools of addresses for services of the type LoadBalancer, as `NAME=RANGE[,RANGE...][,auto=false]`; a range is a network (192.0.2.0/24) or its ends (192.0.2.10-192.0.2.50). Without `auto=false` services that ask for nothing are served from it, in the order of the pools. Nodes on one Redis should have the same; where they differ they report it, and services keep what they have.',
      why: 'Unset: nobody knows which addresses are free in your network. Services of that type then wait without an address, and say so.'
    }) }),
    graceMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
      name: 'grace', kind: 'duration', default: '15s',
      what: 'From suspect to removed: a suspect instance is out of the answers, but known, so that its next heartbeat brings it back as it was.',
      why: 'One default TTL: whoever missed one deadline has the same time again to come back without registering anew.',
      raise: 'Dead instances are seen longer in lists.', lower: 'A short outage of the network turns into removals and registrations.'
    }) }),
    sessionGraceMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
      name: 'session-grace', kind: 'duration', default: '2s',
      what: 'From suspect to removed for an instance whose session (a watch socket that is its lease) broke.',
      why: 'Time for one reconnect through another node.',
      raise: 'A crashed instance with a session is listed longer, though not answered.', lower: 'A reconnect that takes longer finds its instance removed.'
    }) }),
    sessionBlipMs: Type.Integer({ minimum: 0, maximum: 10_000, ...between('0s', '10s'), ...doc({
      name: 'session-blip', kind: 'duration', default: '500ms',
      what: 'How long a client whose session broke has to be back before its instances turn suspect. Not waited for when its host refuses connections to the port of the instance.',
      why: 'A proxy that reloads or a node that restarts breaks sockets of living processes, which are back within milliseconds.',
      raise: 'A killed process without a TCP port is answered that much longer.', lower: 'At `0s` each break is seen by everybody, and the instance leaves DNS until it is back.'
    }) }),
    overrideKeepMs: Type.Integer({ minimum: minute, maximum: 365 * day, ...between('1m', '365d'), ...doc({
      name: 'override-keep', kind: 'duration', default: '24h',
      what: 'An override ends when its instance has not been registered for so long. `rollcall get overrides` shows which are waiting for that.',
      why: 'A machine that is repaired overnight comes back as it was; a name that is given anew next week does not come back drained.',
      raise: 'Forgotten overrides meet later instances of the same id.', lower: 'An instance that is away for longer comes back without its override.'
    }) }),
    holdMaxMs: Type.Integer({ minimum: 0, maximum: 10 * minute, ...between('0s', '10m'), ...doc({
      name: 'hold-max', kind: 'duration', default: '60s',
      what: 'After a restart, an outage of the store or a step of the clock nothing expires for the longest TTL in use, and never longer than this.',
      why: 'Every owner whose TTL is a minute or less has time to renew before anybody is blamed for silence that was ours.',
      raise: 'Instances that died during the outage are answered longer.', lower: 'Living instances with a longer TTL than this are suspected after an outage.'
    }) }),
    brakeRegistryRatio: Type.Number({ minimum: 0, maximum: 1, rule: 'must be a number from 0 to 1', ...doc({
      name: 'brake-registry', kind: 'number', default: '0.3',
      what: 'The registry\'s brake: while more than this part of all instances is suspect, none is removed. Suspects still leave the answers. 1 = never brake.',
      why: 'A third of everything does not die at once: more likely this node or the network is at fault.',
      raise: 'A fault of the network removes more before the brake holds.', lower: 'Ordinary failures hold back removals.'
    }) }),
    brakeRegistryMaxMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
      name: 'brake-registry-max', kind: 'duration', default: '10m',
      what: 'How long the registry\'s brake holds at most since it began; then suspects are removed after all.',
      why: 'Longer than most outages of a network, shorter than anybody wants dead names listed.',
      raise: 'After a real loss dead instances stay listed longer.', lower: 'A long outage ends in removals and a wave of registrations.'
    }) }),
    brakeServiceRatio: Type.Number({ minimum: 0, maximum: 1, rule: 'must be a number from 0 to 1', ...doc({
      name: 'brake-service', kind: 'number', default: '0.5',
      what: 'The brake of each service: while more than this part of its instances is suspect, none of it is removed. 1 = never brake.',
      why: 'Half of a service gone is more often a broken switch than half of a service dead.',
      raise: 'A fault that hits one service removes more of it.', lower: 'Small services are held back by single failures.'
    }) }),
    brakeServiceMaxMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
      name: 'brake-service-max', kind: 'duration', default: '5m',
      what: 'How long the brake of a service holds at most since it began.',
      why: 'Half of the registry\'s: one service is sooner really gone than everything.',
      raise: 'A service that was shut down hard stays listed longer.', lower: 'A long fault of its network ends in removals.'
    }) }),
    historyBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 16 * 1024 ** 3, ...between('1MiB', '16GiB'), ...doc({
      name: 'history-size', kind: 'size', default: '32MiB',
      what: 'How much of them each node remembers, for events and for watchers that come back: at most this, and at most `log-length` changes. '
        + 'What is older is read from the store.',
      why: 'Some fifty thousand changes of ordinary instances.',
      raise: 'Memory of each node.', lower: 'More watchers that come back wait until the log of the store was read.'
    }) })
  }
})

/** What was set. How long the history may be is a setting of the store. */
export type RegistryConfig = Static<TObject<typeof registryRoom.settings>> & { readonly logLength: number }

/** What the core is started with: everything that was set. */
export type RegistryValues = Required<Pick<RegistryOptions,
  'protection' | 'sessionGraceMs' | 'sessionBlipMs' | 'overrideKeepMs' | 'ringLimit' | 'ringBytes' | 'allocation'>>

/** @throws RegistryError REG_INVALID with what is wrong in the ranges: two networks of one family, ranges that overlap */
export function readRegistrySettings (config: RegistryConfig, { field }: Origins): RegistryValues {
  return {
    protection: {
      graceMs: config.graceMs,
      holdMs: config.holdMaxMs,
      registryBrakeRatio: config.brakeRegistryRatio,
      registryBrakeMaxMs: config.brakeRegistryMaxMs,
      serviceBrakeRatio: config.brakeServiceRatio,
      serviceBrakeMaxMs: config.brakeServiceMaxMs
    },
    sessionGraceMs: config.sessionGraceMs,
    sessionBlipMs: config.sessionBlipMs,
    overrideKeepMs: config.overrideKeepMs,
    ringLimit: config.logLength,
    ringBytes: config.historyBytes,
    allocation: readAll({
      serviceCidrs: () => readServiceCidrs(config.serviceCidrs, field('service-cidr')),
      nodePorts: () => readPortRange(config.nodePortRange, field('node-port-range')),
      pools: () => readPools(config.loadBalancerPools, field('load-balancer-pool'))
    })
  }
}
