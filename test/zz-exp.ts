import { Rollcall } from '../client-sdk/src/index.ts'
import { RedisServer } from './store/redis-server.ts'
import { RedisProxy } from './store/redis-proxy.ts'
import { startNode } from './e2e/processes.ts'
import { setTimeout as delay } from 'node:timers/promises'
const ends: (() => unknown)[] = []
const t = { teardown: (f: () => unknown) => { ends.push(f) } }
const redis = await RedisServer.start()
const proxy = await RedisProxy.start(redis.port)
const [a, b] = await Promise.all([startNode(t, ['--redis', proxy.url, '--node', 'a']), startNode(t, ['--redis', redis.url, '--node', 'b'])])
const t0 = performance.now()
const at = () => Math.round(performance.now() - t0)
const sdk = (name: string) => new Rollcall({ address: [a.url, b.url], prefer: 'first', namespace: 'shop', onEvent: (e) => console.log(at(), name, e.type, 'error' in e ? e.error.message : 'address' in e ? e.address : '') })
const caller = sdk('caller')
const services = [sdk('s1'), sdk('s2')]
for (const [i, s] of services.entries()) await s.register({ service: 'orders', id: `o-${i}`, address: '10.0.0.' + (i + 1), port: 80, ttlMs: 3000 })
await caller.resolve('orders')
const healthy = async (url: string) => { try { const r = await fetch(`${url}/v1/namespaces/shop/services/orders/endpoints`, {signal: AbortSignal.timeout(300)}); return (((await r.json()) as any).endpoints ?? []).map((e: any) => e.id + (e.suspect ? '?' : '')).join(',') } catch (e) { return 'none' } }
let missing = 0
let step = process.argv[2]
const watchHealthy = (async () => { let last = ''; for (;;) { const now = await healthy(b.url); if (now !== last) console.log(at(), 'b sees', now); last = now; if (now !== 'o-0,o-1') missing += 20; await delay(20) } })()
await delay(1000)
console.log(at(), step)
if (step === 'cut') { proxy.point(undefined); proxy.cut() }
if (step === 'stop') process.kill(a.pid, 'SIGSTOP')
// a change that the caller must learn
const extra = new Rollcall({ address: b.url, namespace: 'shop', warn: null })
await delay(100)
const c0 = performance.now()
const r = await extra.register({ service: 'orders', id: 'o-new', address: '10.0.0.9', port: 80, ttlMs: 60000 })
for (;;) { const l = await caller.resolveAll('orders'); if (l.some((e) => e.id === 'o-new')) break; await delay(5) }
console.log(at(), 'caller knows after', Math.round(performance.now() - c0))
await r.deregister()
await delay(10_000)
if (step === 'cut') proxy.point(redis.port)
if (step === 'stop') process.kill(a.pid, 'SIGCONT')
await delay(2000)
console.log('missing', missing)
for (const s of [...services, caller, extra]) await s.close()
for (const e of ends) await e()
await proxy.dispose(); await redis.dispose()
process.exit()
