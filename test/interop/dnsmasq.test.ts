// dnsmasq before a registry, with the lines of the guide and the protection that they lift for the zone.
import t from 'tap'
import { serve } from '../support/played-feed.ts'
import { guideBlock } from './guide.ts'
import { type Closable } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { startPeer } from './peers.ts'
import { answers, passesOn, showsChanges } from './resolvers.ts'
import { shop } from './shop.ts'

async function startDnsmasq (t: Closable, registryPort: number): Promise<number> {
  const zone = await guideBlock('dnsmasq', 'server=', { '#7553': `#${registryPort}` })
  const { port } = await startPeer(t, {
    program: 'dnsmasq',
    config: (port) => `${zone}
stop-dns-rebind
no-resolv
no-hosts
port=${port}
listen-address=127.0.0.1
bind-interfaces
user=
`,
    args: (path) => ['--keep-in-foreground', '--log-facility=-', `--conf-file=${path}`],
    isReady: answers
  })
  return port
}

t.test('dnsmasq', { skip: lacking('dnsmasq', 'dig') }, async (t) => {
  t.test('passes on all that the registry has', async (t) => {
    const { port } = await serve(t, shop())
    await passesOn(t, await startDnsmasq(t, port))
  })

  t.test('shows a change as soon as its copy has run out', async (t) => {
    const world = shop()
    const { port } = await serve(t, world, { ttlSeconds: 0 })
    await showsChanges(t, world, await startDnsmasq(t, port))
  })
})
