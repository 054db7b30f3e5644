// The registry took a loopback address and warned of it in the answer; `rollcall register` showed nothing of that. Whatever
// a command is warned of stands on standard error, also where the output is for a program.
import t from 'tap'
import { place } from '../cli/place.ts'
import { createShell } from '../cli/helper.ts'

const warning = 'Warning: address 127.0.0.1 is of one machine only: whoever resolves this instance on another machine calls himself'

t.test('register says what the registry warns of, the first time and each time after', async (t) => {
  const { rollcall, begin } = await place(t, { sharedStore: true })
  const argv = ['register', 'orders', '-p', '8080', '--id', 'a', '--address', '127.0.0.1'] as const
  for (const time of ['first', 'again']) {
    const { exitCode, out, err } = await rollcall(...argv)
    t.match([exitCode, err, out], [0, [warning, /suspect in 15s unless it is renewed/], [/^orders\/a in default is up at 127\.0\.0\.1 8080/]], time)
  }
  const { out, err } = await rollcall(...argv, '-o', 'json')
  t.match(JSON.parse(out.join('\n')), { id: 'a', address: '127.0.0.1' })
  t.equal(err[0], warning)
  t.notOk((await rollcall('register', 'orders', '-p', '8080', '--id', 'b', '--address', '192.0.2.7')).err.some((line) => line.startsWith('Warning')))
  const keeping = begin('register', 'orders', '-p', '8080', '--id', 'c', '--address', '127.0.0.1', '--keep')
  await keeping.line(/^orders\/c in default is up/)
  t.equal((await keeping.interrupt()).err.filter((line) => line === warning).length, 1)
})

t.test('register --keep says each sentence once, also those of a registration that came later', async (t) => {
  const { begin, registry, clock } = createShell()
  registry.warn('one')
  const keeping = begin('register', 'orders', '--port', '8080', '--keep', '--ttl', '1m')
  await keeping.line(/^orders\/machine-8080 in default is up/)
  registry.warn('one', 'another')
  registry.expire({ namespace: 'default', service: 'orders', id: 'machine-8080' })
  await clock.advance(60_000)
  await keeping.line(/orders\/machine-8080 is registered again/)
  t.match(await keeping.interrupt(), { exitCode: 0, err: ['Warning: one', 'Warning: another', /registered again/, /is deregistered/] })
})
