// The address of a registration: whether it may be absent, and what is odd about it.
import type { FastifyRequest } from 'fastify'
import { BlockList, isIP } from 'node:net'
import { type RegistryError, invalid } from '../../errors.ts'
import type { HttpContext } from '../server/context.ts'

const loopback = new BlockList()
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6')
loopback.addAddress('::1', 'ipv6')

/**
 * What to tell a client that registers with this address, or without one: then its connection's address is taken.
 * @throws RegistryError REG_INVALID if there is none, and the connection's is somebody else's
 */
export function registrationWarnings (context: HttpContext, request: Pick<FastifyRequest, 'raw'>, given: string | undefined): readonly string[] {
  if (given !== undefined) {
    if (!context.sharedStore || !isLoopback(given)) return []
    return [`address ${given} is of one machine only: whoever resolves this instance on another machine calls himself`]
  }
  const { address, isHidden } = context.peerOf(request)
  if (isHidden) throw refused('is required: the request came through a proxy that this node does not trust (--trusted-proxy), so that nobody knows who sent it')
  if (context.sharedStore && isLoopback(address)) {
    throw refused('is required: the request came over loopback, and the registry is shared by several machines, where that address is another one on each')
  }
  return []
}

function isLoopback (address: string): boolean {
  const family = isIP(address)
  return family === 4 ? address.startsWith('127.') : family === 6 && loopback.check(address, 'ipv6') // of IPv4 each registration is asked for
}

function refused (rule: string): RegistryError {
  return invalid([{ field: 'address', rule }])
}
