import t from 'tap'
import { ChangeLines } from '../../server/log/change-lines.ts'
import { ThinnedLog, type LineLog } from '../../server/log/thinned-log.ts'
import type { AppliedChange } from '../../server/registry/feed/change-ring.ts'
import type { Sweep } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'

function recorded (): { log: LineLog, lines: string[] } {
  const lines: string[] = []
  const say = (level: string) => (_fields: object, message: string): void => { lines.push(`${level} ${message}`) }
  return { log: { info: say('info'), warn: say('warn'), error: say('error') }, lines }
}

t.test('of one cause the first line is written, the others are counted until the time is over', async (t) => {
  const clock = new HandClock()
  const { log, lines } = recorded()
  const thinned = new ThinnedLog(log, { clock, windowMs: 10_000 })
  for (let index = 0; index < 500; index++) thinned.warn({ requestId: String(index) }, 'the store is away')
  thinned.error({ err: new Error('one') }, 'a request failed')
  thinned.error({ err: new Error('two') }, 'a request failed')
  t.same(lines, ['warn the store is away', 'error a request failed', 'error a request failed'], 'another error is another cause')
  clock.advance(10_000)
  t.same(lines.slice(3), ['warn left out 499 more: the store is away'])
  thinned.warn({}, 'the store is away')
  t.same(lines.slice(4), ['warn the store is away'])
  clock.advance(10_000)
  t.equal(lines.length, 5, 'nothing was left out')
})

t.test('a client that invents causes does not fill the disk', async (t) => {
  const clock = new HandClock()
  const { log, lines } = recorded()
  const thinned = new ThinnedLog(log, { clock, perWindow: 100 })
  for (let index = 0; index < 100_000; index++) thinned.warn({}, `no such thing as ${index}`)
  t.equal(lines.length, 100)
  clock.advance(10_000)
  t.equal(lines.at(-1), 'warn left out 99800 more: other causes')
  t.ok(lines.length <= 301, `${lines.length} lines`)
})

function change (reason: AppliedChange['reason'], id: string): AppliedChange {
  return { kind: 'instance', reason, by: '127.0.0.1', revision: 7, target: { namespace: 'shop', service: 'orders', id } } as AppliedChange // what is looked at
}

t.test('registration and its end, suspicion and expiry get a line each, and other changes none', async (t) => {
  const { log, lines } = recorded()
  const { changed } = new ChangeLines({ log, clock: new HandClock() })
  for (const reason of ['registered', 'updated', 'suspect', 'renewed', 'replaced', 'override', 'deregistered', 'expired'] as const) changed(change(reason, 'a'))
  changed({ ...change('declared', ''), kind: 'service' })
  t.same(lines.map((line) => line.split(':')[0]), [
    'info instance registered', 'info instance suspect', 'info instance back', 'info instance registered, in place of an earlier life',
    'info instance deregistered', 'info instance expired'
  ])
})

t.test('ten thousand at once are a few lines and a number', async (t) => {
  const clock = new HandClock()
  const { log, lines } = recorded()
  const { changed } = new ChangeLines({ log, clock, perSecond: 20 })
  for (let index = 0; index < 10_000; index++) changed(change('registered', `a-${index}`))
  t.equal(lines.length, 20)
  clock.advance(1_000)
  t.equal(lines[20], 'info left out 9980 more of the last second: instance registered')
})

t.test('the log names a brake when it begins and when it ends, not at each sweep', async (t) => {
  const { log, lines } = recorded()
  const { swept } = new ChangeLines({ log, clock: new HandClock() })
  const sweep = (protectedSinceMs: number, services: string[] = []): Sweep => ({
    suspected: 0, expired: 0, kept: 12, holdMs: 0, protectedSinceMs, protectedServices: new Map(services.map((name) => [name, 1])), more: false
  })
  for (const each of [sweep(0), sweep(5), sweep(5), sweep(5, ['shop/orders']), sweep(5, ['shop/orders']), sweep(0)]) swept(each)
  t.same(lines, [
    'warn removal is held back in the whole registry: too much of it is suspect', 'info removal is held back in a service: too much of it is suspect',
    'info removal runs again in the whole registry', 'info removal runs again in a service'
  ])
})
