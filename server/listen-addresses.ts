// Where a listener listens whose host is a name: on all addresses of the name, on one port. `localhost` has two on most machines, and a
// client takes the one that it likes.
import { lookup as systemLookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'

export interface ListenAddress {
  readonly address: string
  readonly family: 4 | 6
}

type Lookup = (host: string) => Promise<readonly { readonly address: string, readonly family: number }[]>

const everyAddress: Lookup = (host) => systemLookup(host, { all: true })

/** A port that is free at one address may be taken at another. Each try takes another at random: so many failures mean that ports are out. */
const maxPortAttempts = 32
/** What the system says of an address that this machine has not: `::1` stands beside `localhost` also where IPv6 is switched off. */
const absent: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/**
 * The addresses of a host in the system's order, each once.
 * @param hosts addresses, or names that are looked up once
 * @throws the error of the system for a name that has none
 */
export async function listenAddresses (hosts: string | readonly string[], lookup: Lookup = everyAddress): Promise<ListenAddress[]> {
  const found = await Promise.all((typeof hosts === 'string' ? [hosts] : hosts).map((host) => lookup(host)))
  const byAddress = new Map<string, ListenAddress>()
  for (const { address, family } of found.flat()) byAddress.set(address, { address, family: family === 6 ? 6 : 4 })
  return [...byAddress.values()]
}

/**
 * Listens on every address, on one port. An address that this machine has not is left out, as long as another one is left.
 * @param port 0 = any that is free at all of them
 * @param listen binds one; 0 as above
 * @param leftOut called with each address that is left out
 * @throws the error of the system, after what was bound is closed
 */
export async function listenOnAll<Listener extends { readonly port: number, close (): Promise<unknown> }> (
  addresses: readonly ListenAddress[], port: number, listen: (address: ListenAddress, port: number) => Promise<Listener>,
  leftOut: (address: string, error: Error) => void = () => undefined
): Promise<[Listener, ...Listener[]]> {
  for (let attempt = 1; ; attempt++) {
    const listeners: Listener[] = []
    let missing: Error | undefined
    try {
      for (const address of addresses) {
        try {
          listeners.push(await listen(address, listeners[0]?.port ?? port))
        } catch (error) {
          if (addresses.length === 1 || !(error instanceof Error) || !absent.has(codeOf(error))) throw error
          missing ??= error
          if (attempt === 1) leftOut(address.address, error)
        }
      }
      const [first, ...others] = listeners
      if (first === undefined) throw missing ?? new Error('there is no address to listen on')
      return [first, ...others]
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()))
      if (port !== 0 || codeOf(error) !== 'EADDRINUSE' || attempt === maxPortAttempts) throw error
    }
  }
}

function codeOf (error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** As the ready line has it. @example hostPort({ address: '::1', port: 53 }) // '[::1]:53' */
export function hostPort ({ address, port }: { readonly address: string, readonly port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** An address of this machine by which others reach what listens at a host. @param listening one that it really listens at */
export function reachableAddress (host: string, listening: string): string {
  if (host !== '0.0.0.0' && host !== '::') return listening
  const family = host === '::' ? ['IPv6', 'IPv4'] : ['IPv4']
  const outer = Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  return family.map((wanted) => outer.find((each) => each.family === wanted)?.address).find((address) => address !== undefined) ?? listening
}
