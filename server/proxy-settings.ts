// The settings of `rollcall proxy`, read from its flags.
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Invocation } from './cli/command.ts'
import { UsageError } from './cli/errors.ts'
import { pairs } from './cli/register.ts'
import { type AddressRange, contains, defaultServiceCidr, parseIp, readNetworks, readServiceCidrs } from './model/address/ranges.ts'
import { isLabel } from './model/names.ts'
import { maxAgentNetworks } from './model/traffic-agent.ts'
import { type Announceable } from './proxy/announce/interfaces.ts'
import { readAnnounceable } from './proxy/announce/setting.ts'
import { defaultNode, defaultNodeAddresses, type Machine, machineAddresses } from './proxy/machine.ts'
import { ranged, readHostPort } from './proxy-flag-values.ts'
import { type IngressSettings, readIngressSettings } from './proxy-ingress-settings.ts'

const defaultHealth = '127.0.0.1:10256' // as kube-proxy's healthz
const defaultMarkBit = 0x8000 // 0x4000 is kube-proxy's, 0x40000 and 0x80000 are Tailscale's
const modes = ['auto', 'kernel', 'userspace', 'off'] as const
export const takeovers = ['safe', 'fast'] as const
const logLevels = ['error', 'warn', 'info', 'debug'] as const

export interface ProxySettings {
  /** off: only ingresses are served. */
  readonly mode: (typeof modes)[number]
  readonly ingress: IngressSettings | undefined
  /** @param without addresses that are on its interfaces and are not its own */
  readonly readMachine: (without?: ReadonlySet<string>) => Machine
  readonly markBit: number
  readonly stateFile: string | undefined
  readonly health: { readonly host: string, readonly port: number, /** Nobody has asked for this one. */ readonly isDefault: boolean } | undefined
  readonly logLevel: string
  /** Networks whose packets to cluster IPs come to this machine. */
  readonly covers: readonly AddressRange[]
  /** On which interfaces it announces load-balancer addresses; undefined: on none. */
  readonly announce: Announceable | undefined
  readonly takeover: (typeof takeovers)[number]
  readonly labels: Readonly<Record<string, string>>
}

/** Where systemd says (`StateDirectory=`), or where the user may write. */
function defaultState (env: Invocation['terminal']['env'], isRoot = process.getuid?.() === 0): string {
  const given = env['STATE_DIRECTORY'] // several are separated by colons
  if (given !== undefined && given !== '') return join(given.split(':')[0] ?? '', 'state')
  return isRoot ? '/var/lib/rollcall-proxy/state' : join(env['XDG_STATE_HOME'] || join(homedir(), '.local/state'), 'rollcall-proxy/state')
}

export function readSettings (call: Invocation): ProxySettings {
  const list = (name: string): string[] => (call.text(name) ?? '').split(',').map((text) => text.trim()).filter((text) => text !== '')
  const node = call.text('node') ?? defaultNode()
  const zone = call.read('zone', (text) => {
    if (!isLabel(text)) throw new Error('must be a DNS label')
    return text
  }) ?? (call.terminal.env['ROLLCALL_ZONE'] || undefined)
  const serviceRanges = call.read('service-cidr', (text) => ranged(() => readServiceCidrs(text.split(',')))) ?? readServiceCidrs([defaultServiceCidr])
  const externalRanges = call.read('allow-external-ips', (text) => ranged(() => readNetworks(text.split(','), 'allow-external-ips'))) ?? []
  const covers = call.read('covers', (text) => ranged(() => readNetworks(text.split(','), 'covers'))) ?? []
  if (covers.length > maxAgentNetworks) throw new UsageError(`--covers must not have more than ${maxAgentNetworks} networks`)
  const given = call.read('node-addresses', () => list('node-addresses').map((text) => {
    const ip = parseIp(text)
    if ('problem' in ip) throw new Error(`${JSON.stringify(text)} ${ip.problem}`)
    return ip.text
  }))
  const markBit = call.read('mark-bit', (text) => {
    const bit = Number(text)
    if (!Number.isInteger(bit) || bit < 1 || bit > 0x80000000 || (bit & (bit - 1)) !== 0) throw new Error('must be one bit, like 0x8000')
    return bit
  }) ?? defaultMarkBit
  const givenHealth = call.read('health', readHealth)
  const health = givenHealth ?? readHealth(defaultHealth)
  const mode = call.choice('mode', modes) ?? 'auto'
  const ingress = readIngressSettings(call)
  if (mode === 'off' && ingress === undefined) throw new UsageError('--mode off carries nothing: it is for --ingress and --ingress-tls')
  const state = call.text('state') ?? defaultState(call.terminal.env)
  return {
    mode,
    ingress,
    covers,
    announce: call.read('announce', readAnnounceable) ?? readAnnounceable('auto'),
    takeover: call.choice('announce-takeover', takeovers) ?? 'safe',
    labels: pairs('--label', call.texts('label')),
    markBit,
    stateFile: state === 'off' ? undefined : state,
    health: health === 'off' ? undefined : { ...health, isDefault: givenHealth === undefined },
    logLevel: call.choice('log-level', logLevels) ?? 'info',
    readMachine: (without) => {
      // Cluster IPs and load-balancer addresses that were bound here are of services, not of the machine.
      const addresses = machineAddresses().filter((address) => without?.has(address.text) !== true && !serviceRanges.some((range) => contains(range, address)))
      return {
        node, ...(zone === undefined ? {} : { zone }), addresses: new Set(addresses.map(({ text }) => text)),
        nodeAddresses: given ?? defaultNodeAddresses(addresses), serviceRanges, externalRanges
      }
    }
  }
}

function readHealth (text: string): { readonly host: string, readonly port: number } | 'off' {
  return text === 'off' ? text : readHostPort(text, 'must be HOST:PORT or off')
}
