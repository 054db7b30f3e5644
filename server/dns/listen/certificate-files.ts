// The certificate of DNS over TLS and its key, read from the files that the settings name: at the start, and again at SIGHUP.
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { invalid } from '../../errors.ts'
import type { DnsTlsValues } from '../settings.ts'

/** A listener with its certificate and key in PEM form. */
export interface DnsTls {
  readonly host: string
  readonly port: number
  readonly cert: string
  readonly key: string
}

/** @throws RegistryError REG_INVALID naming the setting whose file is no use, and never what is in it or where it is */
export function readDnsTls ({ host, port, certFile, keyFile }: DnsTlsValues): DnsTls {
  const tls = { host, port, cert: readText('dns-tls-cert', certFile), key: readText('dns-tls-key', keyFile) }
  try {
    createSecureContext(tls)
  } catch (error) {
    const rule = `must be a certificate and its key in PEM form (${error instanceof Error ? error.message : String(error)})`
    throw invalid([{ field: 'dns-tls-cert, dns-tls-key', rule }])
  }
  return tls
}

function readText (field: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Not the path: somebody may have given the key itself.
    throw invalid([{ field, rule: `must name a file that can be read (${(error as NodeJS.ErrnoException).code ?? 'it cannot'})` }])
  }
}
