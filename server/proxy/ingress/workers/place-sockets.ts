// Sockets that are bound here, and listened to by workers: they stay while workers come and go. Node has no public way to bind a TCP
// socket without listening to it; its own cluster module uses this one (docs/decisions/0060-ingress-workers.md).
import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { type ListenAddress, hostPort, listenAddresses, listenOnAll } from '../../../listen-addresses.ts'

/** Of libuv: several sockets of one port, among which the system divides connections. */
const reusePort = 2

export type Scheme = 'http' | 'https'

export interface IngressAddress {
  readonly host: string
  readonly port: number
  readonly scheme: Scheme
}

/** One place's socket at one address. */
export interface PlaceSocket {
  readonly id: string
  readonly scheme: Scheme
  readonly address: string
  readonly port: number
  /** To be sent to a worker. */
  readonly handle: object
  readonly close: () => void
}

interface Handle {
  getsockname (into: { address?: string, port?: number }): number
  close (): void
}

type Bind = (address: string, port: number, family: 4 | 6, fd: undefined, flags: number) => Handle | number

function bound ({ address, family }: ListenAddress, port: number): Handle {
  const bind = (net as unknown as { readonly _createServerHandle?: Bind })._createServerHandle
  if (bind === undefined) throw new Error(`Node ${process.version} cannot bind a socket for another process`)
  const handle = bind(address, port, family, undefined, reusePort)
  if (typeof handle !== 'number') return handle
  const code = getSystemErrorName(handle)
  throw Object.assign(new Error(`listen ${code}: ${hostPort({ address, port })}`), { code, errno: handle, syscall: 'listen', address, port })
}

/**
 * Binds for each place a socket of each address.
 * @param leftOut told of addresses of a name that this machine has not
 * @throws the error of the system, with what was bound closed again
 */
export async function bindPlaces (
  addresses: readonly IngressAddress[], places: number, leftOut: (address: string, error: Error) => void
): Promise<PlaceSocket[][]> {
  const sockets: PlaceSocket[][] = Array.from({ length: places }, () => [])
  try {
    for (const { host, port, scheme } of addresses) {
      const listeners = await listenOnAll(await listenAddresses(host), port, async (at, wanted) => {
        const made: PlaceSocket[] = []
        const close = async (): Promise<void> => { for (const each of made) each.close() }
        let taken = wanted
        try {
          for (let place = 0; place < places; place++) {
            const handle = bound(at, taken)
            const name: { address?: string, port?: number } = {}
            handle.getsockname(name)
            taken = name.port ?? taken
            made.push({ id: `${place} ${scheme} ${hostPort({ address: at.address, port: taken })}`, scheme, address: at.address, port: taken, handle, close: () => handle.close() })
          }
        } catch (error) {
          await close()
          throw error
        }
        return { port: taken, made, close }
      }, leftOut)
      for (const { made } of listeners) made.forEach((socket, place) => sockets[place]?.push(socket))
    }
    return sockets
  } catch (error) {
    for (const { close } of sockets.flat()) close()
    throw error
  }
}
