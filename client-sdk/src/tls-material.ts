// The CA, certificate and key of a client, as PEM texts or in files. Files are read again when they change: certificates that live for hours
// are replaced while a program runs.
import type * as Fs from 'node:fs'
import type * as Https from 'node:https'
import type * as Tls from 'node:tls'
import { RollcallError } from './errors.ts'

export interface TlsOptions {
  /** The CAs of which one must have issued the registry's certificate, in PEM form, or the file that holds them. Default: the runtime's. */
  readonly ca?: string | undefined
  /** The certificate that is shown to a registry that asks for one, in PEM form with those above it, or the file that holds it. */
  readonly cert?: string | undefined
  /** Its private key, in PEM form, or the file that holds it. */
  readonly key?: string | undefined
}

/** Of `node:tls`. */
export interface TlsTexts {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** How often files are looked at: when a connection is wanted, and not sooner than this after the last look. */
const lookMs = 1_000
const names = ['ca', 'cert', 'key'] as const

/** What the runtime has for TLS. @throws RollcallError REGISTRY_INVALID_ARGUMENT where there is nothing */
export function builtIn<Module> (name: string): Module {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } } // absent in browsers and edge runtimes
  const found = process?.getBuiltinModule?.(name)
  if (found === undefined) throw new RollcallError('REGISTRY_INVALID_ARGUMENT', 'ca, cert and key need a runtime with node:https (Node 22.3 or newer)')
  return found as Module // the caller names both
}

/** Whether the runtime has TLS for programs. */
export function hasTls (): boolean {
  try {
    return builtIn<unknown>('node:https') !== undefined
  } catch {
    return false
  }
}

export class TlsMaterial {
  readonly #options: TlsOptions
  readonly #now: () => number
  #texts: TlsTexts
  #looks: string
  #lookedAt: number
  #agent: Https.Agent

  /** @throws RollcallError REGISTRY_INVALID_ARGUMENT naming the option that is no use, and nothing of what it holds */
  constructor (options: TlsOptions, now: () => number = () => performance.now()) {
    if (options.cert !== undefined && options.key === undefined) throw invalid('cert needs key too')
    if (options.key !== undefined && options.cert === undefined) throw invalid('key needs cert too')
    this.#options = options
    this.#now = now
    this.#looks = this.#look()
    this.#lookedAt = now()
    this.#texts = this.#read()
    this.#agent = this.#makeAgent()
  }

  /** For one connection. */
  get texts (): TlsTexts {
    this.#refresh()
    return this.#texts
  }

  /** Keeps connections for calls. Those of certificates from before end by themselves. */
  get agent (): Https.Agent {
    this.#refresh()
    return this.#agent
  }

  /** Files that are no use just now (they are being written) are left for the next look. */
  #refresh (): void {
    if (this.#now() - this.#lookedAt < lookMs) return
    this.#lookedAt = this.#now()
    const looks = this.#look()
    if (looks === this.#looks) return
    try {
      this.#texts = this.#read()
    } catch {
      return
    }
    this.#looks = looks
    this.#agent = this.#makeAgent()
  }

  #makeAgent (): Https.Agent {
    const { Agent } = builtIn<typeof Https>('node:https')
    return new Agent({ keepAlive: true, ...this.#texts, minVersion: 'TLSv1.2' })
  }

  /** What the files look like: another text after each change. */
  #look (): string {
    const { statSync } = builtIn<typeof Fs>('node:fs')
    return names.map((name) => {
      const given = this.#options[name]
      if (given === undefined || isPem(given)) return ''
      const looks = statSync(given, { throwIfNoEntry: false })
      return looks === undefined ? 'away' : `${looks.ino} ${looks.size} ${looks.mtimeMs} ${looks.ctimeMs}`
    }).join()
  }

  #read (): TlsTexts {
    const texts: { ca?: string, cert?: string, key?: string } = {}
    for (const name of names) {
      const given = this.#options[name]
      if (given !== undefined) texts[name] = textOf(name, given)
    }
    if (texts.ca !== undefined && !/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(texts.ca)) throw invalid('ca must hold one or several certificates in PEM form')
    try {
      builtIn<typeof Tls>('node:tls').createSecureContext(texts)
    } catch (cause) {
      const which = texts.cert === undefined ? 'ca must hold certificates' : 'cert and key must be a certificate and its key'
      throw invalid(`${which} in PEM form (${cause instanceof Error ? cause.message : String(cause)})`)
    }
    return texts
  }
}

function isPem (text: string): boolean {
  return text.includes('-----BEGIN')
}

function textOf (name: string, given: string): string {
  if (isPem(given)) return given
  try {
    return builtIn<typeof Fs>('node:fs').readFileSync(given, 'utf8')
  } catch (error) {
    const { code } = error as { code?: string } // of the system
    throw invalid(`${name} must be a PEM text, or name a file that can be read (${code ?? 'it cannot'})`)
  }
}

function invalid (message: string): RollcallError {
  return new RollcallError('REGISTRY_INVALID_ARGUMENT', message)
}
