// All settings of DNS: what a person must know of each, what is wrong between them, and the values that DNS is started with. A new one
// is a fragment here, a line in `readDnsSettings` and the place where it is used.
import { availableParallelism } from 'node:os'
import { Type, type Static, type TObject } from 'typebox'
import type { Listener, Upstream } from '../config/kinds.ts'
import { doc, listenerSchema, type Origins, readAll, room } from '../config/setting.ts'
import { invalid } from '../errors.ts'
import type { CertificateFiles } from '../tls/certificate.ts'
import { type AddressRange, neighbourNetworks, readNetworks } from '../model/address/ranges.ts'
import { defaultInstanceCidrs, readInstanceCidrs, reversePrefixes } from './names/reverse-networks.ts'
import type { ConsulNames } from './names/consul-zone.ts'
import { zoneFaults } from './names/zones.ts'
import { clusterIpSettings } from './protect/client-reach.ts'
import { maxClientZones, readClientZones } from './protect/client-zone-setting.ts'
import { maxViews, readViews } from './protect/view-setting.ts'
import { type DnsPeers, maxNotifyTargets, maxTransferRules, maxTsigKeys, readDnsPeers, tsigAlgorithms } from './transfer/peers.ts'
import type { DnsWorkersOptions } from './workers.ts'

/** As many as can be tried while a client waits, and more than an operator has: a list of fifty is a mistake. */
const maxUpstreams = 8
/** Elsewhere threads cannot answer on one port, or the kernel does not spread clients over them. */
const sharesPorts = process.platform === 'linux'
const upstreamSchema = Type.Object({ address: Type.String(), port: Type.Integer() })
const zonePattern = '^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$'

export const dnsRoom = room({
  title: 'DNS',
  settings: {
    dns: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'dns', kind: 'listener', default: '127.0.0.1:7553', off: true, opens: 'look up every name',
      what: 'Where DNS is answered, by UDP and by TCP. A name is all of its addresses, as `localhost` is 127.0.0.1 and ::1. `off`: this node answers no DNS.',
      why: 'Port 53 needs a privilege and is often taken by the resolver of the machine.'
    }) })),
    zones: Type.Array(Type.String({ pattern: zonePattern, rule: 'must be a DNS name in lower case without a dot at the end, like cluster.local' }), { minItems: 1, maxItems: 16, ...doc({
      name: 'zone', kind: 'name', default: 'cluster.local', multiple: true,
      what: 'The DNS zones that are answered. The first one is the one that answers name. One may be below another (`east.cluster.local`), but not among its names (`svc.cluster.local`).',
      why: '`cluster.local` is what Kubernetes clients expect, so that programs written for it find their names here too.'
    }) }),
    dnsConsulDomain: Type.Optional(Type.String({ pattern: zonePattern, rule: 'must be a DNS name in lower case without a dot at the end, like consul', ...doc({
      name: 'dns-consul-domain', kind: 'name', off: true,
      what: 'The domain below which names are answered as Consul has them: `web.service.consul`, `v1.web.service.consul`, `_web._v1.service.consul`, `web.service.dc1.consul`, `db-host.node.consul`. `consul` is the one that clients of Consul expect. A name without a namespace means `consul-namespace`.',
      why: 'Unset: nobody answers them, and they go where the other names of the world go.'
    }) })),
    instanceCidrs: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64, ...doc({
      name: 'instance-cidr', kind: 'network', default: defaultInstanceCidrs.join(','), multiple: true, off: true,
      what: 'The networks whose addresses DNS has names for (PTR), besides those of `service-cidr`: their reverse zones are answered here. A network that does not end at an octet (IPv6: at a hexadecimal digit) is the zones that it needs on the next boundary, 256 in all. Instances may have any address. `off`: only the networks of `service-cidr`.',
      why: 'The private networks, which resolvers keep to themselves anyway (RFC 6303): `dig -x` of a registered instance has an answer without a setting.',
      raise: 'Addresses of machines that are not registered get "no such name" from here: leave out networks that another server of yours has the names of.', lower: 'Addresses outside are refused.'
    }) }),
    dnsTtlSeconds: Type.Integer({ minimum: 0, maximum: 3_600, rule: 'must be whole seconds from 0s to 1h', ...doc({
      name: 'dns-ttl', kind: 'seconds', default: '5s',
      what: 'The TTL of DNS answers, in whole seconds: so long may a resolver answer from its cache.',
      why: 'As CoreDNS answers for Kubernetes: a dead address is gone from the caches within seconds.',
      raise: 'Callers keep calling dead instances that much longer.', lower: 'More questions; 0 makes every lookup a question.'
    }) }),
    dnsClusterIp: Type.Enum([...clusterIpSettings], { rule: 'must be auto or always', ...doc({
      name: 'dns-cluster-ip', kind: 'word', default: 'auto',
      what: 'Who is answered the cluster IP of a service. `auto`: clients on a machine that runs an agent (`rollcall proxy`), and in networks that one covers (`--covers`); everybody else gets the endpoints, as of a headless service. `always`: everybody, as the DNS specification of Kubernetes says. Zones that are transferred hold the endpoints with `auto`, and the cluster IPs with `always`.',
      why: 'A cluster IP leads nowhere where no agent carries it. `always` is for networks that route the cluster IPs by themselves.'
    }) }),
    dnsRateLimit: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, rule: 'must be a whole number from 0 to 1000000, or off', ...doc({
      name: 'dns-rate-limit', kind: 'number', default: '5000', off: true,
      what: 'How many answers of one kind a second a network (an IPv4 /24, an IPv6 /56) gets over UDP: those of one name, those that there is no such name in a zone, or errors. Of what is over it every second gets an empty answer that sends it to TCP, the rest nothing. 0 or `off`: no limit. Never limited: loopback, TCP, and whoever sends a good DNS cookie.',
      why: 'Whoever forges the address of a victim makes the node send it this much and no more; a network of busy hosts without a cache, each with a search list, stays below.',
      raise: 'A victim of forged addresses is sent more.', lower: 'Busy networks without a caching resolver wait for lookups that are dropped.'
    }) })),
    dnsQueryLog: Type.Optional(Type.Number({ minimum: 0, maximum: 1, rule: 'must be a number from 0 to 1, or off', ...doc({
      name: 'dns-query-log', kind: 'number', off: true,
      what: 'Which part of the DNS queries is logged, one line each at level info: 1 = all, 0.01 = one in a hundred. At most 1,000 lines a second are written; how many were left out is said.',
      why: 'Unset: none. The lines hold addresses of clients, and at thousands of queries a second they cost more than the answers.',
      raise: 'Time and disk.', lower: 'Rare queries are not seen.'
    }) })),
    dnsWorkers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 0, maximum: 64 })], { rule: 'must be auto or a whole number from 0 to 64', ...doc({
      name: 'dns-workers', kind: 'count', default: 'auto',
      what: 'Threads that answer DNS, each on its own core and with its own copy of all endpoints, so that DNS never waits for HTTP or the store. `auto`: one on Linux where there are two cores or more, else none. 0: the main thread answers. A write is answered when the threads have it, so that whoever wrote finds it in DNS; after 100 ms it is answered all the same.',
      why: 'One thread answers tens of thousands of questions a second. A copy costs some 40 MB, and 300 octets for each instance.',
      raise: 'Memory for each copy, and work for the main thread, which tells each thread of each change. More than there are cores bring nothing.',
      lower: 'Fewer cores for DNS; at 0 a question waits while the main thread does something else, some milliseconds at a time. Right where memory is short.'
    }) }),
    dnsBatch: Type.Enum(['auto', 'off'], { rule: 'must be auto or off', ...doc({
      name: 'dns-batch', kind: 'word', default: 'auto',
      what: 'How DNS datagrams are read and sent. `auto`: those that come together are taken by one call of the system, up to 64, and answered by one (recvmmsg and sendmmsg by koffi, on Linux of 64 bits); where that cannot be done, and with `off`, each by a call of its own. The log says at the start which way it is, and `rollcall_dns_udp_sockets` in `/metrics`.',
      why: 'One core answers more than twice as many questions so, and a question that comes alone as soon as before. `off` is for a system on which it does harm.'
    }) }),
    dnsChaos: Type.Enum(['auto', 'on', 'off'], { rule: 'must be auto, on or off', ...doc({
      name: 'dns-chaos', kind: 'word', default: 'auto',
      what: 'Whether class CH is answered (`version.bind`, `id.server` and the like): which program this is, in which version, and what the node is called. `auto`: if DNS is answered on loopback alone.',
      why: 'Handy on a machine of one\'s own; beyond it, a stranger who looks for known faults need not be told the version.'
    }) }),
    dnsForward: Type.Array(Type.Unsafe<Upstream>(upstreamSchema), { maxItems: maxUpstreams, ...doc({
      name: 'dns-forward', kind: 'upstream', multiple: true,
      what: 'Resolvers that DNS names outside our zones are asked of, in the order of preference: `ADDRESS`, `ADDRESS:PORT` or `[IPv6]:PORT`, port 53 unless given. The targets of ExternalName services are looked up there too. Only clients in `dns-forward-from` are served so.',
      why: 'Unset: names outside our zones are refused. A node need not resolve the world; it may, so that clients have one resolver for all names.'
    }) }),
    dnsForwardFrom: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 256, ...doc({
      name: 'dns-forward-from', kind: 'network', default: neighbourNetworks, multiple: true,
      what: 'The networks whose clients may ask for names outside our zones. It replaces the default; it says nothing about names in our zones. Without effect unless `dns-forward` is set.',
      why: 'Loopback, private and link-local networks: a resolver that answers strangers is used for attacks on others. 100.64.0.0/10 is not among them, for the customers of a provider share it; add it where it is your own, as with Tailscale.',
      raise: 'Whoever you add can make this node ask any question of your resolvers.', lower: 'Clients outside get REFUSED for names outside our zones.'
    }) }),
    dnsForwardCase: Type.Enum(['mixed', 'lower'], { rule: 'must be mixed or lower', ...doc({
      name: 'dns-forward-case', kind: 'word', default: 'mixed',
      what: 'How the letters of names go to the resolvers of `dns-forward`: `mixed`, in a case that nobody can foresee and that has to come back, or `lower`.',
      why: 'Who forges an answer has to guess the case too. A resolver that folds it is asked again over TCP; `lower` is for one that takes no TCP either.'
    }) }),
    clientZones: Type.Array(Type.String({ maxLength: 128 }), { maxItems: maxClientZones, ...doc({
      name: 'client-zone', kind: 'clientZone', multiple: true,
      what: 'Where the clients of DNS are, as `CIDR=ZONE`: who asks from the network is given the endpoints of that zone first, and the others if there are none. The longest prefix counts.',
      why: 'Unset: every client gets every endpoint. A resolver in between counts as the client: use it where each zone has resolvers of its own.'
    }) }),
    dnsViews: Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: maxViews, ...doc({
      name: 'dns-view', kind: 'dnsView', multiple: true,
      what: 'Which networks may look up which namespaces, as `NAME=CIDR:NAMESPACES`, with `+` between namespaces and `*` for any characters: `office=10.1.0.0/16:shop+pay`, `ops=10.9.0.0/16:*`. The smallest network counts. Whoever is in none is refused every name of ours, and so are, without `*`, lists of all namespaces and the names of addresses. Transfers have rules of their own; what comes over HTTP has shown a token.',
      why: 'Unset: every client may look up every name. DNS has no tokens: on a listener off loopback this is its access control.',
      raise: 'Whoever you add learns the addresses of these namespaces.', lower: 'Clients outside get REFUSED.'
    }) }),
    dnsTransferTo: Type.Array(Type.String({ maxLength: 320 }), { maxItems: maxTransferRules, ...doc({
      name: 'dns-transfer-to', kind: 'transferRule', multiple: true,
      what: 'Who may have whole zones (AXFR and IXFR, over TCP or TLS): an address or a network (`192.0.2.0/24`), whoever signs with a key (`key:edge`), or both at once (`192.0.2.0/24+key:edge`). One that holds is enough.',
      why: 'Unset: nobody. A zone is a list of everything that runs, and its transfer is work.'
    }) }),
    dnsTsigKeys: Type.Array(Type.String({ maxLength: 1_024 }), { maxItems: maxTsigKeys, ...doc({
      name: 'dns-tsig-key', kind: 'tsigKey', multiple: true,
      what: `Keys that secondaries sign with (TSIG), as \`NAME=[ALGORITHM:]BASE64\`; both sides must call a key the same. Algorithms: ${tsigAlgorithms.join(', ')}; without one hmac-sha256. \`openssl rand -base64 32\` makes a secret. It is never shown.`,
      why: 'Unset: nothing is signed, and who is on the list is known by address alone.'
    }) }),
    dnsNotify: Type.Array(Type.String({ maxLength: 320 }), { maxItems: maxNotifyTargets, ...doc({
      name: 'dns-notify', kind: 'notifyTarget', multiple: true,
      what: 'Secondaries that are told of each change (NOTIFY), at most once a second: `192.0.2.7:53`, `[2001:db8::7]:53`; with `+key:edge` behind it the message is signed.',
      why: 'Unset: nobody. A secondary then sees changes when it asks by itself, by the SOA every two hours.'
    }) }),
    dnsTls: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'dns-tls', kind: 'listener', opens: 'look up every name',
      what: 'Where DNS over TLS is answered (RFC 7858), with the certificate of `dns-tls-cert`. The usual port is 853.',
      why: 'Unset: a certificate is needed, and within one machine there is nobody to hide from.'
    }) })),
    dnsTlsCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'dns-tls-cert', kind: 'file', reloaded: true,
      what: 'The file with the certificate of DNS over TLS, in PEM form, with those that lead to its root. Read at the start, and again when it or the key changes. The log warns 21 and 7 days before it expires.',
      why: 'Unset: there is no DNS over TLS.'
    }) })),
    dnsTlsKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'dns-tls-key', kind: 'file', reloaded: true,
      what: 'The file with the private key of that certificate, in PEM form. The log warns if other users of the machine may read it.',
      why: 'Unset: there is no DNS over TLS.'
    }) }))
  }
})

/** What was set. */
export type DnsConfig = Static<TObject<typeof dnsRoom.settings>>

/** Where DNS over TLS is answered, and the files of its certificate, which are read at the start, at SIGHUP, and when they change. */
export type DnsTlsValues = Listener & CertificateFiles

/** What DNS is started with: everything that was set, read once. */
export type DnsValues = Omit<DnsWorkersOptions, 'feed' | 'node' | 'version' | 'log' | 'clock' | 'guard' | 'spawn' | 'maxConnections' | 'tls'> & {
  readonly tls: DnsTlsValues | undefined
}

/**
 * The values of settings that are each as they should be; undefined = this node answers no DNS.
 * @param serviceNetworks those of `service-cidr`: they are reverse zones too
 * @throws RegistryError REG_INVALID with what is wrong between them
 */
export function readDnsSettings (config: DnsConfig & ConsulWords, { field }: Origins, serviceNetworks: readonly AddressRange[]): DnsValues | undefined {
  const { dns: listener, dnsForward: upstreams } = config
  const { peers, clients, ...values } = readAll({
    tls: () => readTls(config, field),
    zones: () => readZones(config.zones, field('zone')),
    consul: () => readConsul(config, field('dns-consul-domain')),
    reverse: () => readReverse(config.instanceCidrs, serviceNetworks, field('instance-cidr')),
    clients: () => readNetworks(config.dnsForwardFrom, field('dns-forward-from')),
    clientZones: () => readClientZones(config.clientZones, field('client-zone')),
    views: () => readViews(config.dnsViews, field('dns-view')),
    peers: () => readPeers(config, field)
  })
  return listener === undefined ? undefined : {
    ...values,
    host: listener.host,
    port: listener.port,
    workers: config.dnsWorkers === 'auto' ? Number(sharesPorts && availableParallelism() > 1) : config.dnsWorkers,
    ttlSeconds: config.dnsTtlSeconds,
    clusterIps: config.dnsClusterIp,
    transfer: { keys: peers.keys, transferTo: peers.transferTo },
    notify: peers.notify,
    forward: { upstreams, clients, mixesCase: config.dnsForwardCase === 'mixed' },
    batch: config.dnsBatch,
    chaos: config.dnsChaos === 'auto' ? undefined : config.dnsChaos === 'on',
    rateLimit: config.dnsRateLimit === 0 ? undefined : config.dnsRateLimit,
    queryLogRatio: config.dnsQueryLog
  }
}

function readZones (names: readonly string[], field: string): readonly string[] {
  const faults = zoneFaults(names, field)
  if (faults.length > 0) throw invalid(faults)
  return names
}

/** What Consul's names mean, as the settings of its API say it. */
interface ConsulWords {
  readonly consulDatacenter: string
  readonly consulNamespace: string
}

function readConsul (config: DnsConfig & ConsulWords, field: string): ConsulNames | undefined {
  const { dnsConsulDomain: domain, zones, consulDatacenter: datacenter, consulNamespace: namespace } = config
  if (domain === undefined) return undefined
  const faults = zoneFaults([...zones, domain], field).filter(({ value }) => value === domain)
  if (faults.length > 0) throw invalid(faults)
  return { domain, datacenter, namespace }
}

function readReverse (instanceCidrs: readonly string[], serviceNetworks: readonly AddressRange[], field: string): AddressRange[] {
  const networks = [...serviceNetworks, ...readInstanceCidrs(instanceCidrs, field)]
  reversePrefixes(networks, field) // refuses too many
  return networks
}

function readPeers ({ dnsTsigKeys: keys, dnsTransferTo: transferTo, dnsNotify: notify }: DnsConfig, field: Origins['field']): DnsPeers {
  return readDnsPeers({ keys, transferTo, notify }, { keys: field('dns-tsig-key'), transferTo: field('dns-transfer-to'), notify: field('dns-notify') })
}

/** DNS over TLS needs all three, and the plain listener beside it. */
function readTls ({ dns, dnsTls, dnsTlsCert, dnsTlsKey }: DnsConfig, field: Origins['field']): DnsTlsValues | undefined {
  const given = { 'dns-tls': dnsTls, 'dns-tls-cert': dnsTlsCert, 'dns-tls-key': dnsTlsKey }
  const names = Object.keys(given) as (keyof typeof given)[] // of the line above
  const first = names.find((name) => given[name] !== undefined)
  if (first === undefined) return undefined
  if (dnsTls === undefined || dnsTlsCert === undefined || dnsTlsKey === undefined) {
    const missing = names.filter((name) => given[name] === undefined).join(' and ')
    throw invalid([{ field: field(first), rule: `needs ${missing} too: DNS over TLS is an address, a certificate and its key` }])
  }
  if (dns === undefined) throw invalid([{ field: field('dns-tls'), rule: 'must not be given where dns is off' }])
  return { ...dnsTls, name: 'dns-tls', certFile: dnsTlsCert, keyFile: dnsTlsKey }
}
