// nginx that looks its server up while it runs, with the configuration of the guide.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { PlayedFeed, serve } from '../support/played-feed.ts'
import { guideBlock } from './guide.ts'
import { type Closable } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { startPeer, until } from './peers.ts'

/** Says where it is, and what it was asked for. */
async function startEcho (t: Closable, address: string, port = 0): Promise<number> {
  const server = createServer((request, response) => response.end(`${address} ${request.url}`)).listen(port, address)
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function startNginx (t: Closable, registryPort: number, serverPort: number): Promise<number> {
  const block = await guideBlock('nginx', 'set $orders', { '127.0.0.1:7553 valid=5s': `127.0.0.1:${registryPort} valid=1s`, ':8081': `:${serverPort}` })
  const { port } = await startPeer(t, {
    program: 'nginx',
    config: (port, directory) => `
      daemon off;
      master_process off;
      pid ${directory}/pid;
      error_log stderr;
      events { }
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join('\n')}
        ${block.replace('127.0.0.1:8080', `127.0.0.1:${port}`)}
      }`,
    args: (path) => ['-c', path, '-e', 'stderr'],
    isReady: (port) => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)
  })
  return port
}

t.test('nginx follows a service from one instance to another', { skip: lacking('nginx') }, async (t) => {
  const serverPort = await startEcho(t, '127.0.0.1')
  await startEcho(t, '127.0.0.2', serverPort)
  const instance = (address: string) => ({ address, ports: [{ name: 'http', port: serverPort }] })
  const world = new PlayedFeed().load().register('shop/orders/a', instance('127.0.0.1'))
  const registry = await serve(t, world)
  const url = `http://127.0.0.1:${await startNginx(t, registry.port, serverPort)}/path?query`
  const ask = async (): Promise<string> => (await fetch(url)).text()

  t.equal(await ask(), '127.0.0.1 /path?query')
  world.deregister('shop/orders/a').register('shop/orders/b', instance('127.0.0.2'))
  t.equal(await until('nginx asks the other one', async () => {
    const answer = await ask()
    return answer.startsWith('127.0.0.2') ? answer : undefined
  }), '127.0.0.2 /path?query')
})
