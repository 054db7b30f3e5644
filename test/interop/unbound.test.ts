// unbound before a registry, as a stub zone.
import t from 'tap'
import { serve } from '../dns/world.ts'
import { type Closable, lacking, startPeer } from './peers.ts'
import { answers, passesOn, resolverAt } from './resolvers.ts'
import { inShop, shop } from './shop.ts'

async function startUnbound (t: Closable, registryPort: number): Promise<number> {
  const { port } = await startPeer(t, {
    program: 'unbound',
    config: (port, directory) => `
server:
  directory: "${directory}"
  pidfile: ""
  username: ""
  chroot: ""
  use-syslog: no
  interface: 127.0.0.1@${port}
  do-ip6: no
  num-threads: 1
  do-not-query-localhost: no
  domain-insecure: "cluster.local"
  use-caps-for-id: yes
remote-control:
  control-enable: no
stub-zone:
  name: "cluster.local"
  stub-addr: 127.0.0.1@${registryPort}
`,
    args: (path) => ['-d', '-p', '-c', path],
    isReady: answers
  })
  return port
}

t.test('unbound', { skip: lacking('unbound', 'dig') }, async (t) => {
  t.test('passes on all that the registry has', async (t) => {
    const server = await serve(t, shop())
    await passesOn(t, await startUnbound(t, server.port))
  })

  t.test('shows a change as soon as its copy has run out', async (t) => {
    const world = shop()
    const server = await serve(t, world, { ttlSeconds: 0 })
    const resolver = resolverAt(await startUnbound(t, server.port))
    t.equal((await resolver.resolve4(inShop('web'))).length, 2)
    world.deregister('shop/web/a')
    t.strictSame(await resolver.resolve4(inShop('web')), ['10.0.0.2'])
  })
})
