// Two nodes on one Redis, each behind a line of its own, on ports that stay theirs: a part freezes, cuts, stops and starts them.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { freePort } from '../../support/free-port.ts'
import { RedisProxy } from '../../support/redis-proxy.ts'
import { RedisServer } from '../../support/redis-server.ts'
import { type Program, start } from '../lib.ts'

export class PairNode {
  readonly url: string
  readonly dns: string
  readonly line: RedisProxy
  readonly #redis: RedisServer
  readonly #mute: number
  #program: Program | undefined

  /** @param mute a port where connections are taken and never answered */
  constructor (ports: readonly [http: number, dns: number], line: RedisProxy, redis: RedisServer, mute: number) {
    this.#mute = mute
    this.url = `http://127.0.0.1:${ports[0]}`
    this.dns = `127.0.0.1:${ports[1]}`
    this.line = line
    this.#redis = redis
  }

  async start (flags: readonly string[] = []): Promise<void> {
    const { url, dns, line } = this
    this.#program = await start('bin/rollcall.js', ['serve', '--http', url.slice('http://'.length), '--dns', dns, '--redis', line.url, ...flags])
  }

  signal (signal: NodeJS.Signals): void {
    if (this.#program !== undefined) process.kill(this.#program.pid, signal)
  }

  /** By SIGTERM. */
  async stop (): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]()
    this.#program = undefined
  }

  /** Its line to Redis breaks, and is refused until it is mended. */
  cut (): void {
    this.line.point(undefined)
    this.line.cut()
  }

  /** Nothing that Redis says arrives, on no connection. */
  deafen (): void {
    this.line.point(this.#mute)
    this.line.hold()
  }

  /** The line leads to Redis again; connections of before are cut. */
  mend (): void {
    this.line.point(this.#redis.port)
    this.line.cut()
  }
}

export interface Pair extends AsyncDisposable {
  readonly redis: RedisServer
  readonly nodes: readonly [PairNode, PairNode]
}

export async function startPair (): Promise<Pair> {
  const redis = await RedisServer.start()
  const mute = createServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const mutePort = (mute.address() as AddressInfo).port // TCP
  const node = async (): Promise<PairNode> => new PairNode([await freePort(), await freePort()], await RedisProxy.start(redis.port), redis, mutePort)
  const nodes = [await node(), await node()] as const
  for (const each of nodes) await each.start()
  return {
    redis, nodes,
    [Symbol.asyncDispose]: async () => {
      for (const each of nodes) {
        each.signal('SIGCONT')
        await each.stop()
        await each.line.dispose()
      }
      mute.close()
      await redis.dispose()
    }
  }
}
