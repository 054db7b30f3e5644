// BIND before a registry, with the configuration of the guide: it forwards the zone and validates the rest of the world.
import t from 'tap'
import { serve } from '../support/played-feed.ts'
import { guideBlock } from './guide.ts'
import { type Closable } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { startPeer } from './peers.ts'
import { answers, passesOn, showsChanges } from './resolvers.ts'
import { shop } from './shop.ts'

async function startBind (t: Closable, registryPort: number): Promise<number> {
  const exception = await guideBlock('bind', 'validate-except')
  const zone = await guideBlock('bind', 'type forward', { 'port 7553': `port ${registryPort}` })
  const { port } = await startPeer(t, {
    program: 'named',
    config: (port, directory) => `
      options {
        directory "${directory}";
        pid-file none;
        session-keyfile none;
        listen-on port ${port} { 127.0.0.1; };
        listen-on-v6 { none; };
        dnssec-validation auto;
        ${exception}
      };
      controls { };
      ${zone}`,
    args: (path) => ['-g', '-4', '-n', '1', '-c', path],
    isReady: answers
  })
  return port
}

t.test('BIND', { skip: lacking('named', 'dig') }, async (t) => {
  t.test('passes on all that the registry has', async (t) => {
    const { port } = await serve(t, shop())
    await passesOn(t, await startBind(t, port))
  })

  t.test('shows a change as soon as its copy has run out', async (t) => {
    const world = shop()
    const { port } = await serve(t, world, { ttlSeconds: 0 })
    await showsChanges(t, world, await startBind(t, port))
  })
})
