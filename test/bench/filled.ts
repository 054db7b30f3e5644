// Stores that are full before a node starts on them: a million registrations over HTTP would take longer than what is measured.
import { restoreIntoRedis } from '../../server/store/redis/restore.ts'
import { restoreIntoDirectory } from '../../server/store/sqlite/restore.ts'
import type { Exported } from '../../server/store/export.ts'
import type { InstanceRecord } from '../../server/store/store.ts'

const services = 1_000

/** A registry of so many instances in a thousand services, as registrations leave it. */
export function exportedOf (count: number): Exported {
  const startMs = Date.now() - count
  const instances = Array.from({ length: count }, (_, n): InstanceRecord => ({
    key: `shop/service-${n % services}/instance-${n}`,
    lease: `lease-${n.toString(36)}`,
    generation: `generation-${n}`,
    ttlMs: 3_600_000,
    createdRevision: n + 1,
    revision: n + 1,
    shownRevision: n + 1,
    createdAtMs: startMs + n,
    updatedAtMs: startMs + n,
    suspect: false,
    body: bodyOf(n)
  }))
  return { header: { from: 'sqlite', epoch: 'bench', revision: count + 1 }, objects: [], instances }
}

function bodyOf (n: number): string {
  return JSON.stringify({
    address: `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`,
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    labels: { app: `app-${n % services}`, version: `v${n % 3}` },
    metadata: {},
    weight: 100,
    priority: 0,
    zone: `zone-${n % 3}`,
    status: 'up'
  })
}

export async function fillDirectory (directory: string, count: number): Promise<void> {
  await restoreIntoDirectory(exportedOf(count), directory, { force: true, nowMs: Date.now() })
}

export async function fillRedis (url: string, count: number): Promise<void> {
  await restoreIntoRedis(exportedOf(count), { url, prefix: 'rollcall', force: true })
}
