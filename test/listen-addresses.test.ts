// Listening on every address of a name, on one port.
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { type ListenAddress, hostPort, listenAddresses, listenOnAll } from '../server/listen-addresses.ts'

interface Bound {
  readonly address: string
  readonly port: number
  close (): Promise<void>
}

async function bind ({ address }: ListenAddress, port: number): Promise<Bound> {
  const server = createServer()
  server.listen({ host: address, port })
  await once(server, 'listening')
  const bound = server.address()
  return {
    address, port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    close: () => new Promise((resolve) => server.close(() => resolve()))
  }
}

const four = (address: string): ListenAddress => ({ address, family: 4 })

t.test('a name is all of its addresses, each once', async (t) => {
  const lookup = async (host: string): Promise<{ address: string, family: number }[]> =>
    host === 'localhost' ? [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }, { address: '127.0.0.1', family: 4 }] : [{ address: host, family: 4 }]
  t.strictSame(await listenAddresses('localhost', lookup), [{ address: '::1', family: 6 }, four('127.0.0.1')])
  t.strictSame(await listenAddresses(['127.0.0.1', 'localhost'], lookup), [four('127.0.0.1'), { address: '::1', family: 6 }])
  t.strictSame(await listenAddresses('127.0.0.1'), [four('127.0.0.1')])
  await t.rejects(listenAddresses('no-such-name.invalid', () => Promise.reject(new Error('none'))), { message: 'none' })
})

t.test('all listen on one port, also on a free one', async (t) => {
  const listeners = await listenOnAll([four('127.0.0.1'), four('127.0.0.2')], 0, bind)
  t.teardown(() => Promise.all(listeners.map((each) => each.close())))
  const [first, second] = listeners
  t.ok(first.port > 0)
  t.strictSame([second?.port, second?.address], [first.port, '127.0.0.2'])
})

t.test('a port that one of them has not free is tried no more, and a given one is an error', async (t) => {
  const taken = await bind(four('127.0.0.2'), 0)
  t.teardown(() => taken.close())
  let first = true
  const listeners = await listenOnAll([four('127.0.0.1'), four('127.0.0.2')], 0, (address, port) => {
    const wanted = first ? taken.port : port
    first = false
    return bind(address, wanted)
  })
  t.teardown(() => Promise.all(listeners.map((each) => each.close())))
  t.not(listeners[0].port, taken.port)
  t.equal(listeners.length, 2)
  await t.rejects(listenOnAll([four('127.0.0.1'), four('127.0.0.2')], taken.port, bind), { code: 'EADDRINUSE' })
  const again = await bind(four('127.0.0.1'), taken.port)
  await again.close()
})

t.test('an address that the machine does not have is skipped with a log line, unless it is the only one', async (t) => {
  const told: string[] = []
  const absent = four('198.51.100.1') // of documentation (RFC 5737), which no machine has
  const listeners = await listenOnAll([absent, four('127.0.0.1')], 0, bind, (address) => told.push(address))
  t.teardown(() => Promise.all(listeners.map((each) => each.close())))
  t.strictSame([listeners.map(({ address }) => address), told], [['127.0.0.1'], ['198.51.100.1']])
  await t.rejects(listenOnAll([absent], 0, bind), { code: 'EADDRNOTAVAIL' })
  await t.rejects(listenOnAll([absent, four('203.0.113.1')], 0, bind), { code: 'EADDRNOTAVAIL' })
})

t.test('IPv6 stands in brackets before its port', async (t) => {
  t.strictSame([hostPort({ address: '::1', port: 53 }), hostPort({ address: '127.0.0.1', port: 53 })], ['[::1]:53', '127.0.0.1:53'])
})
