// What an agent has been told last, in a file: after its own restart it carries that, also while the registry is away.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import { type Draining, isDraining } from './draining.ts'

const format = 'rollcall-proxy 1'

export interface KeptState {
  readonly revision: string
  readonly services: readonly ServiceEndpoints[]
  /** Absent: none, or an older version has written it. */
  readonly draining?: readonly Draining[]
}

/**
 * Reads it. @returns undefined if there is none
 * @throws with a sentence if it is damaged, or another program's
 */
export function readState (path: string): KeptState | undefined {
  return readKept(path, format, isState)
}

/** Writes it so that a reader finds the old one or the new one, whatever happens meanwhile. */
export function writeState (path: string, state: KeptState): Promise<void> {
  return writeKept(path, format, state)
}

/** A file of a format, its checksum, and JSON. @throws as `readState` */
export function readKept<Kept> (path: string, form: string, isKept: (value: unknown) => value is Kept): Kept | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const [head = '', sum = '', body = ''] = text.split('\n')
  if (head !== form) throw new Error(`${path} does not begin with "${form}"`)
  if (sum !== checksum(body)) throw new Error(`${path} is damaged: its checksum does not fit`)
  const kept: unknown = JSON.parse(body)
  if (!isKept(kept)) throw new Error(`${path} is of another version of this program`)
  return kept
}

/** As `writeState`, readable by its owner alone. */
export async function writeKept (path: string, form: string, kept: object): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const body = JSON.stringify(kept)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${form}\n${checksum(body)}\n${body}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

/** The checksum says that an agent has written it; an older or newer one may have written something else. */
function isState (value: unknown): value is KeptState {
  const { revision, services, draining = [] } = (value ?? {}) as Partial<Record<keyof KeptState, unknown>>
  return typeof revision === 'string' && Array.isArray(services) && services.every((service: Partial<ServiceEndpoints> | null) =>
    typeof service?.namespace === 'string' && typeof service.service === 'string' && Array.isArray(service.endpoints)) && Array.isArray(draining) && draining.every(isDraining)
}

function checksum (body: string): string {
  return createHash('sha256').update(body).digest('hex')
}
