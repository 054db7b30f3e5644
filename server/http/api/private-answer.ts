// Answers that hold keys: who may read them is said by access control; where there is none, only who cannot be overheard may.
import type { FastifyRequest } from 'fastify'
import type { TLSSocket } from 'node:tls'
import ipaddr from 'ipaddr.js'
import { RegistryError } from '../../errors.ts'
import type { HttpContext } from '../server/context.ts'

/**
 * @param what of which the error speaks
 * @throws RegistryError REG_FORBIDDEN without access control, for a client that is neither on this machine nor behind TLS
 */
export function requirePrivate (context: Pick<HttpContext, 'peerOf' | 'isGuarded'>, request: FastifyRequest, what: string): void {
  if (context.isGuarded || (request.raw.socket as Partial<TLSSocket>).encrypted === true) return
  // A proxy on this machine that nobody has said to trust speaks for somebody else.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined
  if (!isForwarded && isLoopback(context.peerOf(request).address)) return
  throw new RegistryError('REG_FORBIDDEN', `${what} is given without access control only over TLS or on this machine: anybody else could read it. ` +
    'Switch access control on (--access on), or serve HTTPS')
}

function isLoopback (address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}
