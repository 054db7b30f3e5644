import t from 'tap'
import { run } from '../../server/cli/run.ts'
import { processTerminal } from '../../server/cli/terminal.ts'
import { build, type HttpWorld } from '../support/world.ts'

/** A record as another version might have written it. */
function plant ({ registry }: HttpWorld, key: string, body: string): void {
  const revision = registry.feed.revision + 1
  const stamps = { createdRevision: revision, revision, createdAtMs: 1_700_000_000_000, updatedAtMs: 1_700_000_000_000 }
  registry.feed.apply([{ type: 'put-object', revision, atMs: 0, by: 'x', reason: 'declared', object: { key, ...stamps, endsAtMs: 0, body } }])
}

t.test('unreadable records are listed, shown and counted; of a secret nothing is shown', async (t) => {
  const world = await build(t)
  const { send, app } = world
  plant(world, 'service/shop/web', '{')
  plant(world, 'secret/dns/cookie', 'top secret')
  plant(world, 'override/shop/orders/a', 'x'.repeat(5_000))
  const list = (await send('GET', '/v1/unreadable?limit=2')).json()
  t.match(list, { items: [{ key: 'override/shop/orders/a', length: 5_000 }, { key: 'secret/dns/cookie', content: '', reason: 'body must be JSON' }], next: /^[\w-]+$/ })
  t.ok(list.items[0].content.length < 5_000)
  t.match((await send('GET', `/v1/unreadable?cursor=${encodeURIComponent(list.next)}`)).json(), { items: [{ key: 'service/shop/web', content: '{', updatedAt: '2023-11-14T22:13:20.000Z' }] })
  t.match((await send('GET', '/v1/unreadable/service%2Fshop%2Fweb')).json(), { key: 'service/shop/web' })
  t.match((await send('GET', '/v1/unreadable/service%2Fshop%2Fother')).json(), { status: 404, code: 'REG_RECORD_NOT_FOUND' })
  t.match((await send('GET', '/v1/overview')).json().unreadable, { count: 3, records: [{ key: 'override/shop/orders/a' }, {}, {}] })
  t.match((await app.inject('/metrics')).body, /^rollcall_unreadable_records 3$/m)
  t.equal((await send('GET', '/v1/namespaces/shop/services/web')).statusCode, 404)
})

t.test('an operator removes one, by REST and by the command line; status names the others', async (t) => {
  const world = await build(t)
  const { send, registry, listen } = world
  await registry.store.commit([
    { type: 'put', key: 'service/shop/web', body: '{', endsAtMs: 0, reason: 'declared' }, { type: 'put', key: 'override/shop/orders/a', body: '[]', endsAtMs: 0, reason: 'override' },
    { type: 'put', key: 'claim/ip/10.96.0.7', body: '', endsAtMs: 0, reason: 'declared' }
  ], 'test')
  t.equal((await send('DELETE', '/v1/unreadable/service%2Fshop%2Fweb')).statusCode, 204)
  t.match((await send('DELETE', '/v1/unreadable/service%2Fshop%2Fweb')).json(), { code: 'REG_RECORD_NOT_FOUND' })
  const { url } = await listen()
  const rollcall = async (...argv: string[]): Promise<string[]> => {
    const lines: string[] = []
    const terminal = { ...processTerminal(), out: (line: string) => { lines.push(line) }, err: (line: string) => { lines.push(line) }, colours: false }
    lines.push(`exit ${await run([...argv, '--address', url], terminal)}`)
    return lines
  }
  t.match((await rollcall('status')).join('\n'), /2 records of the store cannot be read.*\n +claim\/ip\/10.96.0.7: body must be JSON\n +override\/shop\/orders\/a: /)
  t.match((await rollcall('get', 'unreadable')).join('\n'), /KEY +REVISION +REASON\nclaim\/ip\/10.96.0.7 +3 +body must be JSON\noverride\/shop\/orders\/a +2 /)
  t.match(await rollcall('delete', 'unreadable', 'override/shop/orders/a'), ['unreadable/override/shop/orders/a deleted', 'exit 0'])
  t.match(await rollcall('delete', 'unreadable', 'override/shop/orders/a'), [/no record/, 'exit 1'])
  t.match(await rollcall('delete', 'unreadable', 'claim/ip/10.96.0.7'), [/deleted/, 'exit 0'])
  t.equal(registry.unreadable.count, 0)
  t.notMatch((await rollcall('status')).join('\n'), /cannot be read/)
})
