// `--data /proc/nope` tried for ever and was deaf to SIGTERM; a start whose store did not answer looked like one that goes on.
import t from 'tap'
import { run } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'
import { startStep } from '../../server/start-step.ts'
import { HandClock } from '../support/hand-clock.ts'

const serve = ['serve', '--http', '127.0.0.1:0', '--dns', 'off']
const never = (): Promise<never> => new Promise(() => undefined)

t.test('a directory that cannot be created ends the start with the reason', async (t) => {
  const node = run(t, 'bin/rollcall.js', [...serve, '--data', '/proc/nope'])
  await node.line(/cannot start: \/proc\/nope cannot be made/)
  t.equal(await node.exit, 1)
})

t.test('a store that does not answer ends the start in its time, with the reason', async (t) => {
  const node = run(t, 'bin/rollcall.js', [...serve, '--redis', 'redis://127.0.0.1:1', '--start-timeout', '500ms'])
  await node.line(/cannot start: could not load the registry from redis:\/\/127\.0\.0\.1:1\/0 within 0\.5 s: connect ECONNREFUSED/)
  t.equal(await node.exit, 1)
})

t.test('a start can be ended', async (t) => {
  const node = run(t, 'bin/rollcall.js', [...serve, '--redis', 'redis://127.0.0.1:1', '--start-timeout', '0s', '--data', await temporaryDirectory(t)])
  await node.line(/redis: away/)
  t.equal(await node.end('SIGTERM'), 0)
  await node.line(/"stopped"/)
})

t.test('a step that takes too long is named, and a later end of it is ignored', async (t) => {
  const clock = new HandClock()
  const step = startStep({ what: 'hand the registry on', limitMs: 1_000, clock, why: () => 'a thread is silent' }, never)
  clock.advance(1_000)
  await t.rejects(step, { code: 'REG_STORE_UNAVAILABLE', message: 'could not hand the registry on within 1 s: a thread is silent' })
  t.equal(await startStep({ what: 'do it', limitMs: 1_000, clock }, () => Promise.resolve(7)), 7)
  t.equal(clock.waiting, 0)
  const giveUp = new AbortController()
  const given = startStep({ what: 'wait', limitMs: 0, clock, signal: giveUp.signal }, never)
  giveUp.abort()
  await t.rejects(given, { name: 'StartGivenUp' })
  await t.rejects(startStep({ what: 'wait', limitMs: 0, clock, signal: giveUp.signal }, never), { name: 'StartGivenUp' })
})
