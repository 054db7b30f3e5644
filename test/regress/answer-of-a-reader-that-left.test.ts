// Symptom: an hour of hostile clients met an "unexpected error, caught in http-request": a client sent a long
// manifest, and went away before the answer began. The answer is a stream, which was taken for one that had failed
// by itself.
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Store } from '../../server/store/store.ts'
import { build, type HttpWorld } from '../support/world.ts'

interface Held {
  readonly world: HttpWorld
  /** Resolves when the store is asked. */
  readonly asked: Promise<void>
  /** Lets the store answer. */
  readonly go: () => void
}

/** A world whose store waits with its writes and its backups until it is let go. */
async function buildHeld (t: Test): Promise<Held> {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const hold = async (): Promise<void> => {
    asked.resolve()
    await released.promise
  }
  const wrap = (store: Store): Store => new Proxy(store, {
    get (of, name) {
      const value: unknown = Reflect.get(of, name)
      if (typeof value !== 'function') return value
      const call = (...given: unknown[]): unknown => Reflect.apply(value as () => unknown, of, given) // it is a method of the store
      if (name !== 'commit' && name !== 'backup') return call
      return async (...given: unknown[]) => {
        await hold()
        return call(...given)
      }
    }
  })
  return { world: await build(t, { wrap }), asked: asked.promise, go: () => released.resolve() }
}

const manifests = Array.from({ length: 150 }, (_none, index) => `apiVersion: v1
kind: Service
metadata: {name: s${index}, namespace: shop}
spec: {ports: [{port: 80}]}
`).join('---\n')

const requests: readonly (readonly [says: string, path: string, media: string, body: string])[] = [
  ['a stream of results', '/v1/apply', 'application/yaml', manifests],
  ['a backup', '/v1/backup', 'application/json', '{}'],
  ['a backup without a body', '/v1/backup', 'application/json', '']
]

for (const [says, path, media, body] of requests) {
  t.test(`${says} that nobody waits for any more is no failure of the registry`, async (t) => {
    const { world, asked, go } = await buildHeld(t)
    const { host, port } = await world.listen()
    const connected = once(world.app.server, 'connection') as Promise<[Socket]>
    const client = connect({ host, port })
    client.on('error', () => undefined)
    const length = Buffer.byteLength(body)
    client.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${media}\r\nContent-Length: ${length}\r\n\r\n${body}`)
    const [[socket]] = await Promise.all([connected, asked])
    const closed = once(socket, 'close')
    client.destroy()
    await closed
    go()
    // What is asked for now is answered after what was let go.
    await world.access.backup().then(({ content }) => content.destroy())
    for (let turn = 0; turn < 100; turn++) await setImmediate()
    t.equal((await world.send('GET', '/v1/overview')).statusCode, 200)
    const errors = world.log.filter(({ level }) => level === 'error')
    t.same(errors.map(({ message, fields }) => [message, String(fields.err)]), [])
  })
}
