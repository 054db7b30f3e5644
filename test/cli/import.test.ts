// rollcall import: what another registry has is registered here, renewed, taken away; owners who come by themselves are left alone.
import { type Server, createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { instance } from '../eureka/eureka-world.ts'
import { type Shell, createShell } from './helper.ts'

interface Old {
  readonly url: string
  /** Instances by application; undefined = it fails. */
  apps: Record<string, object[]> | undefined
  readonly seen: { url: string | undefined, authorization: string | undefined }[]
}

/** The other registry. */
async function oldEureka (t: Test): Promise<Old> {
  const old = { url: '', apps: {} as Old['apps'], seen: [] as Old['seen'] }
  const server: Server = createServer(({ url, headers }, response) => {
    old.seen.push({ url, authorization: headers.authorization })
    if (old.apps === undefined) return void response.writeHead(500).end()
    const application = Object.entries(old.apps).map(([name, instances]) => ({ name, instance: instances }))
    response.end(JSON.stringify({ applications: { versions__delta: '1', apps__hashcode: '', application: application.length === 1 ? application[0] : application } }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  old.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/eureka`
  return old
}

const names = ({ registry }: Shell): string[] => registry.instances.map(({ service, id, generation }) => `${service}/${id} ${generation}`).sort()

t.test('once: everything is registered for a while, and what cannot be is named', async (t) => {
  const shell = createShell()
  const old = await oldEureka(t)
  old.apps = {
    ORDERS: [instance({ instanceId: 'a', metadata: { zone: 'a' } }), instance({ instanceId: 'b/c' }), instance({ instanceId: 'd', ipAddr: 'nowhere' })],
    MY_APP: [instance({ app: 'MY_APP' })]
  }
  const { exitCode, out, err } = await shell.rollcall('import', '--from', 'eureka', `${old.url.replace('//', '//any:secret@')}/`, '--ttl', '2h')
  t.equal(exitCode, 0)
  t.strictSame(out, ['2 registered, 0 as before, 0 removed, 0 registered here by themselves, until 2h are over or they are renewed'])
  t.match(err, [/not imported: ORDERS\/d: ipAddr/, /not imported: MY_APP\/.*the name of the application must be an RFC 1123 label/])
  t.strictSame(names(shell), ['orders/a imported', 'orders/b%2Fc imported'])
  t.match(shell.registry.instances.find(({ id }) => id === 'a'), { address: '10.0.0.7', zone: 'a', lease: { ttlMs: 7_200_000 }, namespace: 'default' })
  t.strictSame(old.seen, [{ url: '/eureka/apps/', authorization: `Basic ${btoa('any:secret')}` }])
  old.apps = undefined
  t.match(await shell.rollcall('import', '--from', 'eureka', old.url), { exitCode: 3, err: [/cannot be read: .*answered 500/] })
})

t.test('a command line that cannot be meant is refused', async (t) => {
  const shell = createShell()
  for (const [argv, message] of [
    [['http://x/'], /--from must be one of consul, eureka/], [['--from', 'zookeeper', 'http://x/'], /--from must be one of consul, eureka.*got "zookeeper"/], [['--from', 'eureka'], /URL is missing/],
    [['--from', 'eureka', 'ftp://x/'], /URL must be one of http or https/], [['--from', 'eureka', 'x'], /URL must be/], [['--from', 'eureka', 'http://x/', '--interval', '5s'], /--interval needs --follow/],
    [['--from', 'eureka', 'http://x/', '--follow', '--ttl', '5s'], /--ttl is without --follow/], [['--from', 'eureka', 'http://x/', '--follow', '--interval', '1ms'], /--interval must be from 1s to 1h/]
  ] as const) {
    const { exitCode, err } = await shell.rollcall('import', ...argv)
    t.equal(exitCode, 2, argv.join(' '))
    t.match(err.join('\n'), message)
  }
})

t.test('follow: what changes there changes here, and what registers here by itself is left alone', async (t) => {
  const shell = createShell()
  const { registry, clock } = shell
  const old = await oldEureka(t)
  old.apps = { ORDERS: ['a', 'b', 'c'].map((instanceId) => instance({ instanceId })) }
  const importing = shell.begin('import', '--from', 'eureka', old.url, '--follow', '--interval', '10s')
  await importing.line(/^3 registered, 0 as before/)
  t.strictSame(names(shell), ['orders/a imported', 'orders/b imported', 'orders/c imported'])
  t.equal(registry.instances[0]?.lease.ttlMs, 90_000)

  registry.register('default', 'orders', 'a', { address: '10.0.0.7', generation: 'its-own' })
  old.apps = { ORDERS: [instance({ instanceId: 'a' }), instance({ instanceId: 'b', status: 'OUT_OF_SERVICE' })] }
  await clock.advance(10_000)
  await importing.line(/^1 registered, 0 as before, 1 removed, 1 registered here by themselves/)
  t.strictSame(names(shell), ['orders/a its-own', 'orders/b imported'])
  t.equal(registry.instances.find(({ id }) => id === 'b')?.status, 'draining')

  old.apps = undefined
  await clock.advance(10_000)
  await importing.line(/the other registry cannot be read: .*answered 500; what it had stays/)
  t.strictSame(names(shell), ['orders/a its-own', 'orders/b imported'])

  old.apps = {}
  await clock.advance(10_000)
  await importing.line(/both registries answer again/)
  t.strictSame(names(shell), ['orders/a its-own'], 'it went there; here it is by itself')
  const { exitCode, err } = await importing.interrupt()
  t.equal(exitCode, 0)
  t.match(err.at(-1), /the import has ended/)
})
