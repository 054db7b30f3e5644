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
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const [head = '', sum = '', body = ''] = text.split('\n')
  if (head !== format) throw new Error(`${path} does not begin with "${format}"`)
  if (sum !== checksum(body)) throw new Error(`${path} is damaged: its checksum does not fit`)
  const state: unknown = JSON.parse(body)
  if (!isState(state)) throw new Error(`${path} is of another version of this program`)
  return state
}

/** Writes it so that a reader finds the old one or the new one, whatever happens meanwhile. */
export async function writeState (path: string, state: KeptState): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const body = JSON.stringify(state)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${format}\n${checksum(body)}\n${body}\n`)
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
