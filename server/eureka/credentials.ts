// Eureka's clients send the user and the password of their URL (`http://user:password@host/eureka`) as basic credentials (RFC 7617). The
// password is a token of the registry; where there is none, the user is. Who sends a bearer token is known by that.
import type { IncomingMessage } from 'node:http'
import { RegistryError } from '../errors.ts'

/** @throws RegistryError REG_UNAUTHENTICATED for basic credentials that hold no token */
export function tokenOf ({ headers: { authorization } }: Pick<IncomingMessage, 'headers'>): string | undefined {
  if (authorization === undefined || !/^basic /i.test(authorization)) return undefined
  const text = Buffer.from(authorization.slice(6).trim(), 'base64').toString()
  const colon = text.indexOf(':')
  const user = colon === -1 ? text : text.slice(0, colon)
  const password = colon === -1 ? '' : text.slice(colon + 1)
  const token = password === '' ? user : password
  if (!/^[\w.~+/=-]+$/.test(token)) throw new RegistryError('REG_UNAUTHENTICATED', 'basic credentials must hold a token of the registry as their password')
  return token
}
