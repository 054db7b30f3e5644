// What serves ingresses on a machine (`rollcall proxy --ingress`), put together of its parts.
import { CommandError, exitCodes } from './cli/errors.ts'
import { RegistryError } from './errors.ts'
import { parseIp } from './model/address/ranges.ts'
import { hostPort } from './listen-addresses.ts'
import { IngressAgent } from './proxy/ingress/agent/ingress-agent.ts'
import { IngressRegistration } from './proxy/ingress/agent/ingress-registration.ts'
import { readIngress } from './proxy/ingress/agent/ingress-state-file.ts'
import { followObjects } from './proxy/ingress/agent/object-follower.ts'
import { bindPlaces, type PlaceSocket } from './proxy/ingress/workers/place-sockets.ts'
import { isLoopback, type Machine } from './proxy/machine.ts'
import type { Carrier } from './proxy-carrier.ts'
import type { IngressSettings } from './proxy-ingress-settings.ts'
import type { ProxySettings } from './proxy-settings.ts'
import type { CarrierParts } from './proxy-traffic.ts'
import { KeptCertificate } from './tls/kept-certificate.ts'

export interface IngressCarrier extends Carrier {
  /** Begins with what was kept, or when the registry has told what there is. */
  begin (): Promise<void>
  follow (signal: AbortSignal): Promise<void>
}

/** @throws CommandError if it cannot listen where it shall, or its default certificate is no use */
export async function openIngress (
  settings: ProxySettings, ingress: IngressSettings, { client, clock, guard, log }: CarrierParts
): Promise<IngressCarrier> {
  const defaultCertificate = readDefault(ingress, { clock, log })
  const sockets = await bound(ingress, log)
  const [own = []] = sockets
  const found = settings.readMachine()
  // Where nobody but this machine asks, nobody gets at its loopback addresses who could not before.
  const machine: Machine = { ...found, takesLoopback: ingress.takesLoopback || own.every(({ address }) => isLoopbackText(address)) }
  const stateFile = settings.stateFile === undefined ? undefined : `${settings.stateFile}-ingress`
  const registration = new IngressRegistration({
    client, machine, addresses: reachable(own, machine), ports: portsOf(own), classes: ingress.classes, service: ingress.service, labels: settings.labels, log
  })
  const agent = new IngressAgent({
    ...ingress, machine, sockets, logLevel: settings.logLevel,
    defaultCertificate, stateFile, clock, guard, log, tell: (problems) => void registration.tell(problems)
  })
  let isServing = false
  /** Nobody is served before it is known what there is: refused is better than 404. */
  const serve = async (): Promise<void> => {
    if (isServing || !agent.isTold) return
    isServing = true
    await agent.start()
    const places = (scheme: string): string[] => own.filter((socket) => socket.scheme === scheme).map(hostPort)
    log.info({ http: places('http'), https: places('https'), workers: ingress.workers }, 'serving ingresses')
    void registration.tell(agent.notices)
  }
  return {
    begin: async () => {
      if (stateFile === undefined) return
      try {
        const kept = readIngress(stateFile)
        if (kept !== undefined) await agent.resume(kept)
      } catch (error) {
        log.warn({}, `the kept state of the ingress is not used: ${error instanceof Error ? error.message : String(error)}`)
      }
      await serve()
    },
    status: () => agent.status,
    isHealthy: () => agent.isReady,
    metrics: () => agent.metricsText(),
    take: async (event) => {
      agent.takeEvent(event)
      await serve()
    },
    follow: (signal) => followObjects({
      client, clock, guard, log, take: async (objects) => {
        await agent.takeObjects(objects)
        await serve()
      }
    }, signal),
    sayGoodbye: () => registration.end(),
    stop: () => agent.stop(ingress.graceMs),
    renew: () => agent.replaceWorkers(ingress.graceMs)
  }
}

function readDefault ({ defaultCertificate }: IngressSettings, parts: Pick<CarrierParts, 'clock' | 'log'>): KeptCertificate | undefined {
  if (defaultCertificate === undefined) return undefined
  try {
    return new KeptCertificate({ files: { name: 'ingress-default', ...defaultCertificate }, ...parts })
  } catch (error) {
    if (error instanceof RegistryError) throw new CommandError((error.errors ?? []).map(({ field, rule }) => `--${field} ${rule}`).join('; '), exitCodes.failure)
    throw error
  }
}

async function bound ({ addresses, workers }: IngressSettings, log: CarrierParts['log']): Promise<PlaceSocket[][]> {
  try {
    return await bindPlaces(addresses, workers, (address) => log.warn({ address }, `this machine has not the address ${address}: ingresses are not served there`))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const hint = code === 'EACCES' ? ' (a port below 1024 needs CAP_NET_BIND_SERVICE)' : code === 'EADDRINUSE' ? ' (another program has it)' : ''
    throw new CommandError(`ingresses cannot be served: ${error instanceof Error ? error.message : String(error)}${hint}`, exitCodes.failure)
  }
}

function portsOf (sockets: readonly PlaceSocket[]): readonly { readonly name: 'http' | 'https', readonly port: number }[] {
  return (['http', 'https'] as const).flatMap((name) => {
    const found = sockets.find(({ scheme }) => scheme === name)
    return found === undefined ? [] : [{ name, port: found.port }]
  })
}

/** Where others reach it: where it listens, or the addresses of the machine if it listens at all of them. */
function reachable (sockets: readonly PlaceSocket[], { nodeAddresses }: Machine): string[] {
  return [...new Set(sockets.flatMap(({ address }) => {
    if (address === '0.0.0.0') return nodeAddresses.filter((each) => !each.includes(':'))
    return address === '::' ? nodeAddresses : [address]
  }))]
}

function isLoopbackText (address: string): boolean {
  const ip = parseIp(address)
  return !('problem' in ip) && isLoopback(ip)
}
