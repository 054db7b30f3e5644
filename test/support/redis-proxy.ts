// A TCP relay before Redis: it can be pointed at another server, as a virtual address after a failover, can hold bytes back, and be slow.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class RedisProxy {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #target: number | undefined

  private constructor (target: number) {
    this.#target = target
    this.#server = createServer((near) => {
      if (this.#target === undefined) {
        near.on('error', () => {})
        near.destroy()
        return
      }
      const far = connect(this.#target, '127.0.0.1')
      const pair = [near, far] as const
      this.#pairs.add(pair)
      near.pipe(far).pipe(near)
      for (const socket of pair) {
        socket.on('error', () => {}) // a cut line is what this is for
        socket.on('close', () => {
          near.destroy()
          far.destroy()
          this.#pairs.delete(pair)
        })
      }
    })
  }

  static async start (target: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url (): string {
    const { port } = this.#server.address() as AddressInfo // it listens on TCP
    return `redis://127.0.0.1:${port}`
  }

  /** New connections go there; undefined = they are refused. */
  point (target: number | undefined): void {
    this.#target = target
  }

  /** Cuts every connection. */
  cut (): void {
    for (const [near, far] of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** What the server says waits in the relay, until `resume`: on all connections, or on those from the nth on. */
  hold (from = 0): void {
    for (const [near, far] of [...this.#pairs].slice(from)) far.unpipe(near)
  }

  /** What the servers say from now on arrives in small pieces: 3 MB take so long. */
  drip (ms: number): void {
    for (const [near, far] of this.#pairs) {
      const waiting: Buffer[] = []
      far.unpipe(near)
      far.on('data', (octets: Buffer) => waiting.push(octets)).resume()
      const rate = 3_000_000 / ms // octets of a millisecond
      let last = performance.now()
      const timer = setInterval(() => {
        const now = performance.now()
        let left = Math.floor((now - last) * rate)
        if (left === 0) return
        last = now
        for (let octets = waiting.shift(); octets !== undefined; octets = waiting.shift()) {
          near.write(octets.subarray(0, left))
          if (octets.length > left) return void waiting.unshift(octets.subarray(left))
          left -= octets.length
        }
      }, 10)
      far.on('close', () => clearInterval(timer))
    }
  }

  resume (): void {
    for (const [near, far] of this.#pairs) far.pipe(near)
  }

  async dispose (): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
