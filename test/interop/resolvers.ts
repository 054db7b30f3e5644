// What every resolver in front of a registry has to pass on.
import { Resolver } from 'node:dns/promises'
import type { Test } from 'tap'
import type { PlayedFeed } from '../support/played-feed.ts'
import { output } from '../support/programs.ts'
import { addresses, inShop } from './shop.ts'

export function resolverAt (port: number): Resolver {
  const resolver = new Resolver({ tries: 2, timeout: 5_000 })
  resolver.setServers([`127.0.0.1:${port}`])
  return resolver
}

/** Does a server answer at this port at all? */
export async function answers (port: number, name = inShop('web')): Promise<boolean> {
  const resolver = new Resolver({ tries: 1, timeout: 1_000 })
  resolver.setServers([`127.0.0.1:${port}`])
  return resolver.resolve4(name).then(() => true, () => false)
}

/** Asks with dig, gives what it prints. Its own configuration file is not read. */
export async function dig (port: number, ...question: readonly string[]): Promise<string> {
  return (await output('dig', '-r', '@127.0.0.1', '-p', String(port), '+tries=1', ...question)).stdout
}

/** The same sets come out at the far side of a resolver as go in. @param port of a resolver that forwards `cluster.local` to `shop()` */
export async function passesOn (t: Test, port: number): Promise<void> {
  const resolver = resolverAt(port)

  t.strictSame((await resolver.resolve4(inShop('web'))).sort(), ['10.0.0.1', '10.0.0.2'], 'every endpoint')
  t.strictSame((await resolver.resolve4(inShop('web'), { ttl: true })).every(({ ttl }) => ttl <= 5), true, 'for five seconds at most')
  t.strictSame((await resolver.resolve4('WEB.Shop.SVC.Cluster.LOCAL')).sort(), ['10.0.0.1', '10.0.0.2'], 'a name in upper case')
  t.strictSame([await resolver.resolve4(inShop('mixed')), await resolver.resolve6(inShop('mixed'))], [['10.0.0.3'], ['fd00::3']], 'both families')
  t.match((await resolver.resolveSrv(`_http._tcp.${inShop('web')}`)).sort((a, b) => a.priority - b.priority), [
    { name: `web-0.${inShop('web')}`, port: 8080, priority: 1, weight: 10 }, { name: `10-0-0-2.${inShop('web')}`, port: 8081, priority: 2, weight: 20 }
  ], 'services')
  t.strictSame(await resolver.resolve4(`10-0-0-2.${inShop('web')}`), ['10.0.0.2'], 'the target of a service')
  t.strictSame(await resolver.resolve4(inShop('second')), ['10.96.0.9'], 'through two aliases')
  t.strictSame(await resolver.resolve6(inShop('second')), ['fd00:10:96::9'])
  t.match(await dig(port, inShop('second'), 'A', '+noall', '+answer'), new RegExp(`CNAME\\s+${inShop('alias')}\\.[^]*CNAME\\s+${inShop('front')}\\.[^]*10\\.96\\.0\\.9`), 'the chain is shown')

  t.strictSame((await resolver.resolve4(inShop('wide'))).sort(), addresses(60).sort(), 'sixty endpoints')
  t.equal((await resolver.resolveSrv(`_http._tcp.${inShop('wide')}`)).length, 60)
  const shown = await resolver.resolve4(inShop('huge'))
  t.equal(new Set(shown).size, 100, 'of three hundred as many as resolvers take')
  t.ok(shown.every((address) => addresses(300).includes(address)))

  await t.rejects(resolver.resolve4(inShop('nobody')), { code: 'ENOTFOUND' })
  await t.rejects(resolver.resolve6(inShop('web')), { code: 'ENODATA' })
  await t.rejects(resolver.resolveTxt(inShop('web')), { code: 'ENODATA' })
  await t.rejects(resolver.resolve4(`_tcp.${inShop('web')}`), { code: 'ENODATA' })
  await t.rejects(resolver.resolve4(inShop('ghost')), { code: 'ENOTFOUND' })
  t.strictSame((await resolver.resolve4(inShop('web'))).sort(), ['10.0.0.1', '10.0.0.2'], 'no answer of nothing hides what is there')
  t.match(await dig(port, inShop('nobody')), /status: NXDOMAIN[^]*SOA\s+ns\.dns\.cluster\.local\./, 'with the SOA')
}

/** @param port of a resolver whose registry says that nothing may be kept */
export async function showsChanges (t: Test, world: PlayedFeed, port: number): Promise<void> {
  const resolver = resolverAt(port)
  t.strictSame((await resolver.resolve4(inShop('web'))).sort(), ['10.0.0.1', '10.0.0.2'])
  world.deregister('shop/web/a')
  t.strictSame(await resolver.resolve4(inShop('web')), ['10.0.0.2'], 'one went')
  world.register('shop/web/c', { address: '10.0.0.9', ports: [{ name: 'http', port: 8080 }] })
  t.strictSame((await resolver.resolve4(inShop('web'))).sort(), ['10.0.0.2', '10.0.0.9'], 'one came')
}
