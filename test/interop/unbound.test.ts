// unbound before a registry, with the stub zone of the guide. It writes each name in letters of random case and wants them back.
import t from 'tap'
import { serve } from '../support/played-feed.ts'
import { guideBlock } from './guide.ts'
import { type Closable } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { startPeer } from './peers.ts'
import { answers, passesOn, showsChanges } from './resolvers.ts'
import { shop } from './shop.ts'

async function startUnbound (t: Closable, registryPort: number): Promise<number> {
  const zone = await guideBlock('unbound', 'stub-zone:', { '@7553': `@${registryPort}` })
  const { port } = await startPeer(t, {
    program: 'unbound',
    config: (port, directory) => `${zone}
server:
  directory: "${directory}"
  pidfile: ""
  username: ""
  chroot: ""
  use-syslog: no
  interface: 127.0.0.1@${port}
  use-caps-for-id: yes
remote-control:
  control-enable: no
`,
    args: (path) => ['-d', '-p', '-c', path],
    isReady: answers
  })
  return port
}

t.test('unbound', { skip: lacking('unbound', 'dig') }, async (t) => {
  t.test('passes on all that the registry has', async (t) => {
    const { port } = await serve(t, shop())
    await passesOn(t, await startUnbound(t, port))
  })

  t.test('shows a change as soon as its copy has run out', async (t) => {
    const world = shop()
    const { port } = await serve(t, world, { ttlSeconds: 0 })
    await showsChanges(t, world, await startUnbound(t, port))
  })
})
