// Stores that are full before a node starts on them: a million registrations over HTTP would take longer than what is measured.
import { restoreIntoRedis } from '../../server/store/redis/restore.ts'
import { restoreIntoDirectory } from '../../server/store/sqlite/restore.ts'
import type { Exported } from '../../server/store/export.ts'
import type { InstanceRecord } from '../../server/store/store.ts'

const services = 1_000

/** What the n-th instance is. */
export interface Filling {
  readonly key: (n: number) => string
  readonly generation: (n: number) => string
  /** What differs from an instance with one port and nothing else. */
  readonly body: (n: number) => { readonly labels: Readonly<Record<string, string>>, readonly zone?: string }
}

/** A thousand services. */
const usual: Filling = {
  key: (n) => `shop/service-${n % services}/instance-${n}`,
  generation: (n) => `generation-${n}`,
  body: (n) => ({ labels: { app: `app-${n % services}`, version: `v${n % 3}` }, zone: `zone-${n % 3}` })
}

/** A registry of so many instances, as registrations leave it. */
export function exportedOf (count: number, { key, generation, body }: Filling = usual): Exported {
  const startMs = Date.now() - count
  const instances = Array.from({ length: count }, (_, n): InstanceRecord => ({
    key: key(n),
    lease: `lease-${n.toString(36)}`,
    generation: generation(n),
    ttlMs: 3_600_000,
    createdRevision: n + 1,
    revision: n + 1,
    shownRevision: n + 1,
    createdAtMs: startMs + n,
    updatedAtMs: startMs + n,
    suspect: false,
    body: storedBody(n, body(n))
  }))
  return { header: { from: 'sqlite', epoch: 'bench', revision: count + 1 }, objects: [], instances }
}

function storedBody (n: number, { labels, zone }: ReturnType<Filling['body']>): string {
  return JSON.stringify({
    address: addressOf(n),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    labels: Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    metadata: {},
    weight: 100,
    priority: 0,
    ...(zone === undefined ? {} : { zone }),
    status: 'up'
  })
}

export function addressOf (n: number): string {
  return `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`
}

export async function fillDirectory (directory: string, count: number, filling?: Filling): Promise<void> {
  await restoreIntoDirectory(exportedOf(count, filling), directory, { force: true, nowMs: Date.now() })
}

export async function fillRedis (url: string, count: number, filling?: Filling): Promise<void> {
  await restoreIntoRedis(exportedOf(count, filling), { url, prefix: 'rollcall', force: true })
}
