// rollcall proxy: the agent that carries traffic on this machine. What it does is in server/proxy-command.ts.
import { type Command, connectionFlags } from './command.ts'
import { UsageError } from './errors.ts'
import { ingressFlags } from './proxy-ingress-flags.ts'

const actions = ['run', 'check', 'status', 'clean'] as const

export const proxy: Command = {
  name: 'proxy',
  summary: 'Carries traffic for cluster IPs, node ports and load-balancer addresses on this machine, and serves ingresses',
  usage: 'proxy [check|status|clean] [flags]',
  details: 'Without a word it runs until a signal ends it; traffic goes on without it. check: what would work here. status: what the agent of this machine does. ' +
    'clean: removes every trace of an agent that is no more. SIGUSR2 replaces the workers of ingresses one by one, without refusing anybody.',
  flags: {
    ...connectionFlags,
    mode: { type: 'string', metavar: 'MODE', what: 'auto, kernel (nftables), userspace (this process) or off (no traffic of services, only ingresses); auto: the kernel if it may be changed (default auto)' },
    node: { type: 'string', metavar: 'NAME', what: 'The name of this machine, as endpoints have it in `node` (default the host name)' },
    zone: { type: 'string', metavar: 'ZONE', what: 'The zone of this machine, for services with a trafficDistribution (ROLLCALL_ZONE)' },
    'node-addresses': { type: 'string', metavar: 'IP,...', what: 'Where node ports are carried (default: all addresses that other machines can reach)' },
    'service-cidr': { type: 'string', metavar: 'CIDR,...', what: 'Where cluster IPs come from, one network of each family (default 10.96.0.0/12)' },
    'allow-external-ips': { type: 'string', metavar: 'CIDR,...', what: 'Which externalIPs are carried (default none: they would let a manifest take the traffic of any address)' },
    covers: { type: 'string', metavar: 'CIDR,...', what: 'Networks whose packets to cluster IPs come to this machine, of containers say: their programs are answered cluster IPs by DNS' },
    announce: { type: 'string', metavar: 'INTERFACE[=CIDR],...', what: 'Where load-balancer addresses are announced (ARP, neighbour discovery), and of each interface which; auto: on every interface those of its networks; off: nowhere (default auto)' },
    'announce-takeover': { type: 'string', metavar: 'WHEN', what: 'When the address of a machine that was lost is taken over: safe (when nobody answers for it, or its lifetime of 6 s is over) or fast (at once; for some seconds two machines may have it) (default safe)' },
    label: { type: 'string', short: 'l', multiple: true, metavar: 'KEY=VALUE', what: 'A label of this machine\'s agent: the annotation rollcall.dev/announce-nodes of a service selects on it' },
    'mark-bit': { type: 'string', metavar: 'NUMBER', what: 'The bit of a packet\'s mark that says "keep its source" (default 0x8000)' },
    state: { type: 'string', metavar: 'FILE', what: 'Where the last state is kept, for a start without the registry (default /var/lib/rollcall-proxy/state, without root ~/.local/state/rollcall-proxy/state; off: nowhere)' },
    health: { type: 'string', metavar: 'HOST:PORT', what: 'Where /livez, /healthz and /metrics are answered (default 127.0.0.1:10256; off: nowhere)' },
    'log-level': { type: 'string', metavar: 'LEVEL', what: 'How much is logged: error, warn, info or debug (default info)' },
    ...ingressFlags
  },
  examples: [
    ['proxy', 'carries what the registry on this machine declares'],
    ['proxy --address http://10.0.0.5:7500,http://10.0.0.6:7500 --zone a', 'of two registry nodes'],
    ['proxy --mode off --ingress 0.0.0.0:80 --ingress-tls 0.0.0.0:443 --ingress-workers 2', 'serves ingresses, and nothing else: without root, where those ports need none'],
    ['proxy check', 'what is missing here, and what to do about it'],
    ['proxy clean', 'removes tables and routes']
  ],
  run: async (call) => {
    const [word = 'run', surplus] = call.positionals
    const action = actions.find((candidate) => candidate === word)
    if (action === undefined) throw new UsageError(`${JSON.stringify(word)} must be one of check, status, clean, or nothing`)
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    const { runProxy } = await import('../proxy-command.ts')
    return await runProxy(action, call)
  }
}
