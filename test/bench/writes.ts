// Registrations and renewals through REST, on both stores, beside a bare Fastify route that reads the same bodies.
import { type Program, type Row, load, median, start, startRedis, startRegistry, temporaryDirectory, thousands } from './lib.ts'

const registrations = 20_000
const connections = 32
const batch = 1_000
const batches = 400
const rounds = 3

const body = JSON.stringify({ address: '10.1.2.3', ports: [{ name: 'http', port: 8080 }], labels: { app: 'web', version: 'v1' }, generation: 'g', lease: { ttlMs: 600_000 } })
const services = 100

export async function writes (): Promise<Row[]> {
  await using bare = await start('test/bench/bare-server.ts', ['{}'])
  await using directory = await temporaryDirectory()
  await using sqlite = await startRegistry({ directory: directory.path })
  const rows = await onStore('SQLite', sqlite, bare)
  await using redis = await startRedis(['appendonly yes', 'appendfsync everysec'])
  await using registry = await startRegistry({ redis: redis.url })
  return [...rows, ...await onStore('Redis', registry, bare)]
}

async function onStore (store: string, registry: Program, bare: Program): Promise<Row[]> {
  const rates: number[] = []
  const ratios: number[] = []
  for (let round = 0; round < rounds; round++) {
    const ours = await load({ url: registry.url, connections, method: 'PUT', amount: registrations, request: (n) => ({ path: instancePath(`r${round}-${n}`, n), body }) })
    const theirs = await load({ url: bare.url, connections, method: 'PUT', amount: registrations, request: () => ({ path: '/bare', body }) })
    rates.push(ours)
    ratios.push(ours / theirs)
  }
  const renewed = await renewals(registry, bare)
  return [
    {
      what: `registrations through REST on ${store}, ${connections} connections`,
      measured: `${thousands(median(rates))}/s, ${median(ratios).toFixed(2)} of a bare Fastify PUT`,
      goal: 'at least 5,000/s',
      met: median(rates) >= 5_000
    },
    {
      what: `renewals on ${store}, batches of ${thousands(batch)}`,
      measured: `${thousands(renewed.rate)}/s, ${renewed.ratio.toFixed(2)} of a bare Fastify POST`,
      goal: 'at least 100,000/s',
      met: renewed.rate >= 100_000
    }
  ]
}

async function renewals (registry: Program, bare: Program): Promise<{ rate: number, ratio: number }> {
  const bodies = Array.from({ length: 20 }, (_, group) => JSON.stringify({
    leases: Array.from({ length: batch }, (_, index) => {
      const n = group * batch + index
      return { namespace: 'shop', service: serviceName(n), id: `r0-${n}`, generation: 'g' }
    })
  }))
  const request = (path: string) => (n: number) => ({ path, body: bodies[n % bodies.length] ?? '' })
  const rates: number[] = []
  const ratios: number[] = []
  for (let round = 0; round < rounds; round++) {
    const ours = await load({ url: registry.url, connections: 8, method: 'POST', amount: batches, request: request('/v1/heartbeats') })
    const theirs = await load({ url: bare.url, connections: 8, method: 'POST', amount: batches, request: request('/bare') })
    rates.push(ours * batch)
    ratios.push(ours / theirs)
  }
  return { rate: median(rates), ratio: median(ratios) }
}

const serviceName = (n: number): string => `service-${n % services}`
const instancePath = (id: string, n: number): string => `/v1/namespaces/shop/services/${serviceName(n)}/instances/${id}`
