// How a connection to Redis is encrypted. The files are read at each connection, so that a certificate may be replaced while a node runs.
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { RegistryError, invalid } from '../../errors.ts'
import { checkAuthorities, oldestTls, readText } from '../../tls/certificate.ts'
import { SettingFault } from './faults.ts'

/** What was set of it. */
export interface RedisTlsFiles {
  /** The CAs that are trusted; undefined = those of Node. */
  readonly caFile?: string | undefined
  /** The certificate that is shown, and its key. */
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The name that certificates of servers must have; undefined = that of the address. */
  readonly serverName?: string | undefined
}

/** For `tls.connect`. @throws SettingFault naming the setting whose file is no use */
export function tlsOptions ({ caFile, certFile, keyFile, serverName }: RedisTlsFiles): ConnectionOptions {
  try {
    const ca = caFile === undefined ? undefined : readText('redis-ca', caFile)
    if (ca !== undefined) checkAuthorities('redis-ca', ca)
    const pair = certFile === undefined || keyFile === undefined ? {} : { cert: readText('redis-cert', certFile), key: readText('redis-key', keyFile) }
    checkPair(pair)
    return { ...pair, ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { servername: serverName }), minVersion: oldestTls }
  } catch (error) {
    throw error instanceof RegistryError ? new SettingFault(error.message, { cause: error }) : error
  }
}

function checkPair (pair: { readonly cert?: string, readonly key?: string }): void {
  try {
    createSecureContext(pair)
  } catch (error) {
    throw invalid([{ field: 'redis-cert, redis-key', rule: `must be a certificate and its key in PEM form (${error instanceof Error ? error.message : String(error)})` }])
  }
}
