// BIND before a registry: as a forwarder, with validation on for the rest of the world.
import t from 'tap'
import { serve } from '../dns/world.ts'
import { type Closable, lacking, startPeer } from './peers.ts'
import { answers, passesOn, resolverAt } from './resolvers.ts'
import { inShop, shop } from './shop.ts'

async function startBind (t: Closable, registryPort: number): Promise<number> {
  const { port } = await startPeer(t, {
    program: 'named',
    config: (port, directory) => `
      options {
        directory "${directory}";
        pid-file none;
        session-keyfile none;
        listen-on port ${port} { 127.0.0.1; };
        listen-on-v6 { none; };
        recursion yes;
        allow-query { 127.0.0.1; };
        dnssec-validation auto;
        validate-except { "cluster.local"; };
      };
      controls { };
      zone "cluster.local" {
        type forward;
        forward only;
        forwarders { 127.0.0.1 port ${registryPort}; };
      };`,
    args: (path) => ['-g', '-4', '-n', '1', '-c', path],
    isReady: answers
  })
  return port
}

t.test('BIND', { skip: lacking('named', 'dig') }, async (t) => {
  t.test('passes on all that the registry has', async (t) => {
    const server = await serve(t, shop())
    await passesOn(t, await startBind(t, server.port))
  })

  t.test('shows a change as soon as its copy has run out', async (t) => {
    const world = shop()
    const server = await serve(t, world, { ttlSeconds: 0 })
    const resolver = resolverAt(await startBind(t, server.port))
    t.equal((await resolver.resolve4(inShop('web'))).length, 2)
    world.deregister('shop/web/a')
    t.strictSame(await resolver.resolve4(inShop('web')), ['10.0.0.2'])
  })
})
