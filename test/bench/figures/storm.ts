// A storm: 50,000 instances of 200 agents are registered again at once, each agent with a token of its own, while others live on leases of
// three seconds. How long it takes, how often an agent is told to come back later, and whether one of the living is suspected.
import { writeFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { hashOf, newToken } from '../../../server/access/token-text.ts'
import { RedisServer } from '../../support/redis-server.ts'
import { type Program, startRegistry, temporaryDirectory } from '../lib.ts'
import { type Figures, type Options, repeat } from './figure.ts'
import { dnsProbe } from './probes.ts'

const agents = 200
const perAgent = 250
const living = 1_000
const ttlMs = 3_000
const beatMs = 1_000

interface Answer {
  readonly status: number
  readonly retryAfterMs: number
  readonly body: string
}

export async function storm ({ runs }: Options): Promise<void> {
  await using directory = await temporaryDirectory()
  const admin = newToken()
  const tokens = Array.from({ length: agents }, () => newToken())
  const tokenFile = join(directory.path, 'tokens.yaml')
  const entry = (name: string, token: string, rules: string): string => `- { name: ${name}, hash: ${hashOf(token).toString('hex')}, rules: ${rules} }\n`
  const rules = '[{ role: agent, namespaces: [shop] }]'
  writeFileSync(tokenFile, `tokens:\n${entry('admin', admin, '[{ role: admin }]')}${tokens.map((token, n) => entry(`agent-${n}`, token, rules)).join('')}`, { mode: 0o600 })
  const flags = ['--access', 'on', '--token-file', tokenFile]
  {
    await using node = await startRegistry({ directory: join(directory.path, 'data') }, '0-1', flags)
    await storms('SQLite', node, { admin, tokens, runs })
  }
  const redis = await RedisServer.start()
  {
    await using node = await startRegistry({ redis: redis.url }, '0-1', flags)
    await storms('Redis', node, { admin, tokens, runs })
  }
  await redis.dispose()
}

interface Crowd {
  readonly admin: string
  readonly tokens: readonly string[]
  readonly runs: number
}

async function storms (store: string, node: Program, { admin, tokens, runs }: Crowd): Promise<void> {
  const connections = new Agent({ keepAlive: true, maxSockets: agents + 10 })
  const ask = (token: string, method: string, path: string, body?: unknown): Promise<Answer> => asked(connections, node.url, { token, method, path, body })
  const livingIds = Array.from({ length: living }, (_, n) => `living-${n}`)
  let later = 0
  /** As a good client does: it comes later when it is told to. */
  const register = async (token: string, path: string, body: object): Promise<void> => {
    for (;;) {
      const { status, retryAfterMs } = await ask(token, 'PUT', path, body)
      if (status < 300) return
      if (status !== 429 && status !== 503) throw new Error(`a registration was answered ${status}`)
      later++
      await pause(retryAfterMs)
    }
  }
  for (const id of livingIds) await register(admin, `/v1/namespaces/live/services/living/instances/${id}`, registrationOf(0, 60_000))
  const beat = async (): Promise<void> => {
    const { body } = await ask(admin, 'POST', '/v1/heartbeats', { leases: livingIds.map((id) => ({ namespace: 'live', service: 'living', id, generation: 'g' })) })
    slowestBeat = Math.max(slowestBeat, performance.now() - beatSentAt)
    if (!body.includes(`"renewed":${living}`)) throw new Error(`not all are renewed: ${body.slice(0, 200)}`)
  }
  let slowestBeat = 0
  let beatSentAt = 0
  let isOver = false
  const beating = (async () => {
    while (!isOver) {
      beatSentAt = performance.now()
      await beat()
      await pause(beatMs)
    }
  })()
  try {
    for (const id of livingIds) await register(admin, `/v1/namespaces/live/services/living/instances/${id}`, registrationOf(0, ttlMs)) // short once they are renewed
    let run = 0
    await repeat(`A storm of ${agents * perAgent} registrations by ${agents} agents, ${store}, the first run registers them for the first time`, runs, async (): Promise<Figures> => {
      const dns = dnsProbe(node.dns, 'living.live.svc.cluster.local')
      slowestBeat = later = 0
      const began = performance.now()
      await Promise.all(tokens.map(async (token, agent) => {
        for (let n = 0; n < perAgent; n++) {
          await register(token, `/v1/namespaces/shop/services/service-${agent}/instances/i-${agent}-${n}`, registrationOf(run, 3_600_000))
        }
      }))
      const tookMs = performance.now() - began
      run++
      const suspected = JSON.parse((await ask(admin, 'GET', '/v1/events?namespace=live&reason=suspect&limit=1')).body) as { items: unknown[] }
      const expired = JSON.parse((await ask(admin, 'GET', '/v1/events?namespace=live&reason=expired&limit=1')).body) as { items: unknown[] }
      const figures: Figures = {
        'all registered, ms': tookMs,
        'told to come later, times': later,
        'living that were suspected or expired': suspected.items.length + expired.items.length,
        'longest heartbeat of the living, ms': slowestBeat,
        'longest DNS answer, ms': dns.longestMs,
        'DNS questions without a good answer': dns.failed
      }
      dns.close()
      return figures
    })
  } finally {
    isOver = true
    await beating
    connections.destroy()
  }
}

function registrationOf (run: number, leaseMs: number): object {
  return { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }], generation: 'g', weight: 100 + run, lease: { ttlMs: leaseMs } }
}

interface Question {
  readonly token: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

function asked (agent: Agent, url: string, { token, method, path, body }: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request(`${url}${path}`, { method, agent, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } })
  sent.on('response', (response: IncomingMessage) => {
    const pieces: Buffer[] = []
    response.on('data', (piece: Buffer) => pieces.push(piece))
    response.on('end', () => resolve({
      status: response.statusCode ?? 0, retryAfterMs: Number(response.headers['retry-after'] ?? 1) * 1_000, body: Buffer.concat(pieces).toString()
    }))
  })
  sent.on('error', reject)
  sent.end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}
