// Leases over a network that is slow, loses connections, and answers late.
import t from 'tap'
import type { Fetch } from '../../client-sdk/src/index.ts'
import { beats, setting, typesOf, type Setting } from './helpers.ts'

interface Network extends Setting {
  /** Breaks the open connection: the request on it is never answered, and the next one has to connect. */
  readonly breakConnection: () => void
  /** The longest time that passed between two heartbeats that arrived, since the last call. */
  readonly longestGap: () => number
}

/**
 * A network with a round trip of so many milliseconds, on which a new connection costs some more round trips. As with
 * HTTP/1.1 each request has a connection of its own, a request that is given up takes its connection along, and a free
 * connection is used again.
 */
function network (t: Parameters<typeof setting>[0], roundTripMs: number, handshakes: number): Network {
  let free = 0
  let isBroken = false
  let last = 0
  let gap = 0
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void parts.clock.setTimeout(resolve, ms))
  const fetch: Fetch = async (url, init) => {
    const isNew = free === 0
    if (!isNew) free--
    if (!isNew && isBroken) {
      isBroken = false
      return new Promise(
        (_resolve, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason as Error))
      )
    }
    if (isNew) await pause(roundTripMs * handshakes)
    await pause(roundTripMs / 2)
    init.signal.throwIfAborted()
    const response = await parts.registry.fetch(url, init)
    if (url.endsWith('/heartbeats')) {
      gap = Math.max(gap, parts.clock.now() - last)
      last = parts.clock.now()
    }
    await pause(roundTripMs / 2)
    init.signal.throwIfAborted()
    free++
    return response
  }
  const parts = setting(t, { fetch, WebSocket: null })
  return {
    ...parts,
    breakConnection: () => { isBroken = true },
    longestGap: () => {
      const longest = gap
      gap = 0
      return longest
    }
  }
}

t.test('a round trip of 360 ms and a TLS handshake: a lease of 3 s lives, also after its connection broke', async (t) => {
  const { registry, rollcall, clock, events, breakConnection, longestGap } = network(t, 360, 3)
  const registered = rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 3_000 })
  await clock.advance(2_000)
  await registered
  await clock.advance(30_000)
  longestGap()
  for (let n = 0; n < 10; n++) {
    breakConnection()
    await clock.advance(20_000)
    const gap = longestGap()
    t.ok(gap < 3_000, `${gap} ms between two heartbeats`)
  }
  t.strictSame(typesOf(events), ['registered'])
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 1)
})

t.test('the same over plain TCP with a lease of 1 s', async (t) => {
  const { rollcall, clock, events, longestGap } = network(t, 360, 1)
  const registered = rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 1_000 })
  await clock.advance(2_000)
  await registered
  await clock.advance(3_000)
  longestGap()
  await clock.advance(60_000)
  const gap = longestGap()
  t.ok(gap < 1_000, `${gap} ms between two heartbeats`)
  t.strictSame(typesOf(events), ['registered'])
})

t.test('an answer that comes after the next beat has set out counts: an unknown lease is registered again', async (t) => {
  const { registry, rollcall, clock, events } = network(t, 1_500, 1)
  const registered = rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 3_000 })
  await clock.advance(5_000)
  const registration = await registered
  registry.expire(registration.reference)
  await clock.advance(20_000)
  t.match(registry.instances, [{ id: 'o-1', generation: registration.generation }])
  t.strictSame(typesOf(events).slice(0, 2), ['registered', 'registered'])
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 2, 'late news of before is no news')
})

t.test('beats on their way are few, however long the registry is silent', async (t) => {
  let open = 0
  let most = 0
  const { registry, another, clock } = setting(t)
  const rollcall = another({
    WebSocket: null,
    fetch: (url, init) => {
      if (!url.endsWith('/heartbeats')) return registry.fetch(url, init)
      most = Math.max(most, ++open)
      return new Promise((_resolve, reject) => init.signal.addEventListener('abort', () => {
        open--
        reject(init.signal.reason as Error)
      }))
    }
  })
  await rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 1_000 })
  await clock.advance(120_000)
  t.ok(most >= 2 && most <= 4, `${most} at once`)
})

t.test('a session that is answered late over its socket beats by request meanwhile, and stays a session', async (t) => {
  const { registry, another, clock, events } = setting(t)
  const Base = registry.WebSocket
  let delayMs = 0
  const rollcall = another({
    onEvent: (event) => events.push(event),
    WebSocket: class extends Base {
      override send (data: string): void {
        clock.setTimeout(() => {
          try {
            super.send(data)
          } catch {} // it is closed by now
        }, delayMs)
      }
    }
  })
  const registration = await rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 3_000, session: true })
  await clock.advance(5_000)
  t.strictSame(beats(registry), [])
  delayMs = 2_000
  await clock.advance(10_000)
  t.ok(beats(registry).length > 0, 'by request')
  t.equal(registration.state, 'registered')
  t.equal(registry.sockets, 1)
  delayMs = 0
  await clock.advance(10_000)
  t.strictSame(typesOf(events), ['registered', 'session'], 'the session is the same all the time')
})

t.test('what is large has more time, and a second node is not asked for what is arriving', async (t) => {
  const { clock, another, registry } = setting(t)
  const manifests = Array.from({ length: 3_000 }, (_, index) => ({
    apiVersion: 'v1' as const, kind: 'Service' as const, metadata: { name: `s${index}`, annotations: { note: 'x'.repeat(400) } }, spec: { ports: [{ port: 80 }] }
  }))
  let asked = 0
  const rollcall = another({
    address: ['http://a', 'http://b'], timeoutMs: 3_000, WebSocket: null,
    fetch: async (url, init) => {
      asked++
      t.ok((init.body?.length ?? 0) > 1_000_000)
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, (init.body?.length ?? 0) / 300)) // a line of 300 kB/s
      init.signal.throwIfAborted()
      return registry.fetch(url.replace(/^http:..[ab]/, String(registry.options.address)), init)
    }
  })
  const applied = rollcall.services.apply(manifests, { dryRun: true })
  await clock.advance(10_000)
  t.equal((await applied).results.length, 3_000)
  t.equal(asked, 1)
})

for (const [bytesPerMs, arrives] of [[400, true], [20, false]] as const) {
  t.test(`an answer of 4 MB at ${bytesPerMs} kB/s is ${arrives ? 'read to its end' : 'given up'}`, async (t) => {
    const { clock, another } = setting(t)
    const text = JSON.stringify({ namespace: 'shop', service: 'orders', id: 'o', note: 'x'.repeat(4_000_000) })
    let asked = 0
    let sent = 0
    const rollcall = another({
      address: ['http://a', 'http://b'], timeoutMs: 5_000, WebSocket: null,
      fetch: async (_url, { signal }) => {
        asked++
        sent = 0
        const read = async (): Promise<{ done: boolean, value?: Uint8Array }> => {
          await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100))
          signal.throwIfAborted()
          if (sent >= text.length) return { done: true }
          const value = new TextEncoder().encode(text.slice(sent, sent + bytesPerMs * 100))
          sent += value.length
          return { done: false, value }
        }
        return { status: 200, headers: new Headers(), text: async () => text, body: { getReader: () => ({ read, cancel: async () => undefined }) } }
      }
    })
    let outcome: unknown
    rollcall.instance({ service: 'orders', id: 'o' }).then(() => { outcome = 'read' }, (error: unknown) => { outcome = (error as { code: string }).code })
    await clock.advance(60_000)
    t.equal(sent >= text.length, arrives, String(outcome))
    t.equal(outcome === 'REGISTRY_TIMEOUT', !arrives)
    t.equal(asked, 1, 'a second node would send the same over the same line')
  })
}
