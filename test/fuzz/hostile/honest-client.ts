// One honest client: an SDK that registers, keeps its lease, reads lists, follows its service, and asks DNS.
import { randomUUID } from 'node:crypto'
import { type Registration, Rollcall } from '../../../client-sdk/src/index.ts'
import type { Random } from '../random.ts'
import { host } from './attack.ts'
import { type DnsAsker, ask } from './dns-asker.ts'
import type { Tally } from './tally.ts'

export interface HonestTarget {
  readonly http: number
  readonly dns: number
  /** Names in it are answered by the resolver that questions are forwarded to. */
  readonly quickZone: string
}

export const honestNamespace = 'honest'
/** Honest clients share so many services. */
export const honestServices = 20
/** A change that has not come by then is lost. */
const newsMs = 15_000

export class HonestClient {
  readonly #client: Rollcall
  readonly #tally: Tally
  readonly #target: HonestTarget
  readonly #dns: DnsAsker
  readonly #service: string
  readonly #address: string
  readonly #isSession: boolean
  readonly #waiting = new Map<string, () => void>()
  #registration: Registration | undefined
  #closing = false

  constructor (index: number, target: HonestTarget, tally: Tally, dns: DnsAsker) {
    this.#target = target
    this.#tally = tally
    this.#dns = dns
    this.#service = `s${index % honestServices}`
    this.#address = `10.1.${index >> 8}.${index & 255}`
    this.#isSession = index % 3 === 0
    this.#client = new Rollcall({
      address: `http://${host}:${target.http}`, namespace: honestNamespace, signals: false, warn: null,
      fetch: (url, init) => this.#fetch(url, init),
      onEvent: (event) => {
        if (event.type === 'error' || event.type === 'unreachable') this.#count('background', String(event.error))
        if (event.type === 'registered' && event.again) this.#count('lease', 'was lost, and registered again')
        if (event.type === 'superseded') this.#count('lease', 'superseded')
      }
    })
  }

  #count (kind: string, why: string): void {
    if (!this.#closing) this.#tally.failed(kind, why)
  }

  /** Every request of the SDK, its heartbeats too. */
  async #fetch (url: string, init: object & { readonly method: string }): Promise<Response> {
    const { pathname } = new URL(url)
    const kind = `http ${pathname === '/v1/heartbeats' ? 'heartbeat' : `${init.method} ${pathname.split('/').filter((part) => !/\d|^honest$/.test(part)).join('/')}`}`
    const began = performance.now()
    try {
      const answer = await fetch(url, init)
      if (answer.status >= 500 || answer.status === 429) this.#count(kind, `status ${answer.status}`)
      else this.#tally.add(kind, performance.now() - began)
      return answer
    } catch (error) {
      const { cause } = error as { cause?: Error }
      this.#count(kind, `${String(error)} ${cause?.message ?? ''} after ${Math.round(performance.now() - began)} ms`)
      throw error
    }
  }

  async begin (): Promise<void> {
    await this.#tally.measure('register', async () => {
      this.#registration = await this.#client.register({
        service: this.#service, ports: { http: 8080 }, address: this.#address, ttlMs: 10_000, session: this.#isSession
      })
    })
    void this.#follow()
  }

  async #follow (): Promise<void> {
    try {
      for await (const event of this.#client.watch({ service: this.#service })) {
        if (event.type === 'reset') this.#tally.add('watch reset', 0)
        const instances = event.type === 'put' ? [event.instance] : event.type === 'snapshot' ? event.instances : []
        for (const { metadata } of instances) if (metadata.tick !== undefined) this.#waiting.get(metadata.tick)?.()
      }
    } catch (error) {
      this.#count('watch', `ended: ${String(error)}`)
    }
  }

  /** One thing that clients do. */
  async act (random: Random): Promise<void> {
    const name = `${this.#service}.${honestNamespace}.svc.cluster.local`
    const tally = this.#tally
    const lost = (): void => tally.add('dns asked again', 1_000)
    const { dns } = this.#target
    switch (random.below(7)) {
      case 0: return void await tally.measure('list', async () => {
        for await (const instance of this.#client.instances({ service: this.#service })) if (instance.id === this.#registration?.id) return
        throw new Error('the list has not what was registered')
      })
      case 1: return void await tally.measure('endpoints', async () => {
        const { endpoints } = await this.#client.endpoints(this.#service)
        if (!endpoints.some(({ id }) => id === this.#registration?.id)) throw new Error('the endpoints have not what was registered')
      })
      case 2: return void await tally.measure('livez', async () => {
        const { status } = await fetch(`http://${host}:${this.#target.http}/livez`)
        if (status !== 200) throw new Error(`status ${status}`)
      })
      case 3: return void await tally.measure('news', () => this.#news())
      case 4: return void await tally.measure('dns forwarded', () => ask(this.#dns, dns, `x${random.below(1_000_000)}.${this.#target.quickZone}`, lost))
      default: return void await tally.measure('dns', () => ask(this.#dns, dns, name, lost))
    }
  }

  /** Changes its own instance, and waits until its watch says so. */
  async #news (): Promise<void> {
    const tick = randomUUID()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const limit = AbortSignal.timeout(newsMs)
    limit.addEventListener('abort', () => reject(new Error(`not told of after ${newsMs} ms`)))
    promise.catch(() => undefined) // it may be late before it is waited for
    this.#waiting.set(tick, resolve)
    try {
      await this.#registration?.update({ metadata: { tick } })
      await promise
    } finally {
      this.#waiting.delete(tick)
    }
  }

  async close (): Promise<void> {
    this.#closing = true
    await this.#client.close()
  }
}
