// HAProxy that fills its servers from SRV answers and follows them.
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { type Node, call, instancePath, startNode } from '../support/processes.ts'
import { guideBlock } from './guide.ts'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { startPeer, until } from './peers.ts'

interface Server {
  readonly address: string
  readonly weight: number
}

/** Its command socket. */
class HaproxyCli {
  readonly #socket: string

  constructor (socket: string) {
    this.#socket = socket
  }

  async ask (command: string): Promise<string> {
    const socket = connect(this.#socket).setEncoding('utf8')
    await once(socket, 'connect')
    socket.end(`${command}\n`)
    return (await socket.toArray()).join('')
  }

  /** What it says of the servers that have an address, by address. */
  async servers (): Promise<Server[]> {
    const [, header = '', ...rows] = (await this.ask('show servers state orders')).trim().split('\n')
    const columns = header.replace('# ', '').split(' ')
    return rows
      .map((row) => new Map(row.split(' ').map((value, index) => [columns[index], value])))
      .filter((row) => row.get('srv_addr') !== '-')
      .map((row) => ({ address: `${row.get('srv_addr')}:${row.get('srv_port')}`, weight: Number(row.get('srv_uweight')) }))
      .sort((a, b) => a.address < b.address ? -1 : 1)
  }

  /** Waits for exactly these. HAProxy asks five times a second here. */
  has (...addresses: readonly string[]): Promise<Server[]> {
    return until(`the servers are ${addresses.join(', ')}`, async () => {
      const servers = await this.servers()
      return servers.map(({ address }) => address).join() === addresses.join() ? servers : undefined
    })
  }
}

/** With the configuration of the guide, but for the time that a server which went is kept, and without checks: nothing listens at these addresses. */
async function startHaproxy (t: Closable, { dnsHost, dnsPort }: Node, places: number): Promise<HaproxyCli> {
  const resolversAndBackend = await guideBlock('haproxy', 'resolvers rollcall\n', {
    '127.0.0.1:7553': `${dnsHost}:${dnsPort}`, 'resolve 1s': 'resolve 200ms', 'hold obsolete 5s': 'hold obsolete 0s', 'orders 20': `orders ${places}`, ' check': ''
  })
  const socket = join(await temporaryDirectory(t), 'cli')
  const cli = new HaproxyCli(socket)
  await startPeer(t, {
    program: 'haproxy',
    config: (port) => `
global
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend web
  bind 127.0.0.1:${port}
  default_backend orders
${resolversAndBackend}`,
    args: (path) => ['-db', '-f', path],
    isReady: async () => (await cli.ask('show info')).includes('Name: HAProxy')
  })
  return cli
}

async function register (node: Node, id: string, address: string, weight = 100): Promise<void> {
  await call('PUT', node.url + instancePath(id), { address, ports: [{ name: 'http', port: 8080 }], weight, lease: { ttlMs: 60_000 } })
}

t.test('HAProxy', { skip: lacking('haproxy') }, async (t) => {
  t.test('fills its servers from SRV and follows a change', async (t) => {
    const node = await startNode(t, ['--data', await temporaryDirectory(t)])
    await register(node, 'a', '10.0.0.1', 25_600)
    await register(node, 'b', '10.0.0.2', 12_800)
    const haproxy = await startHaproxy(t, node, 4)

    t.strictSame(await haproxy.has('10.0.0.1:8080', '10.0.0.2:8080'), [{ address: '10.0.0.1:8080', weight: 100 }, { address: '10.0.0.2:8080', weight: 50 }],
      'with their weights, in 256ths')
    await register(node, 'c', '10.0.0.3')
    t.ok(await haproxy.has('10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080'), 'one came')
    await call('DELETE', node.url + instancePath('a'))
    t.ok(await haproxy.has('10.0.0.2:8080', '10.0.0.3:8080'), 'one went')
  })

  t.test('takes a set that is too large for UDP', async (t) => {
    const node = await startNode(t, ['--data', await temporaryDirectory(t)])
    const ids = Array.from({ length: 60 }, (_, index) => String(index + 10))
    await Promise.all(ids.map((id) => register(node, id, `10.0.0.${id}`)))
    const haproxy = await startHaproxy(t, node, 80)
    t.ok(await haproxy.has(...ids.map((id) => `10.0.0.${id}:8080`)))
  })
})
