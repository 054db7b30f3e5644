// npm run test:hostile -- --minutes N [--seed S] [--store sqlite|redis] [--clients 200] [--lanes 2] [--only NAME] [--size 1]: nodes with
// little memory, one on SQLite and one on Redis, attacked at all doors at once beside honest clients.
// npm run test:hostile -- --each SECONDS [--store sqlite] [--clients 20] [--only 'row: ']: the attacks one by one, each on a node of its own.
import { setMaxListeners } from 'node:events'
import { parseArgs } from 'node:util'
import { noRedis } from '../../support/redis-server.ts'
import { attacksNamed } from './attacks.ts'
import { runEach } from './each.ts'
import { isWell, printed } from './report.ts'
import { runHostile } from './run.ts'

const { values } = parseArgs({ options: {
  minutes: { type: 'string' }, seed: { type: 'string' }, store: { type: 'string' }, clients: { type: 'string' }, lanes: { type: 'string' }, only: { type: 'string' }, size: { type: 'string' }, each: { type: 'string' }
} })
const [minutes, seed, clients, lanes, size] = [
  Number(values.minutes ?? 1), Number(values.seed ?? 1), Number(values.clients ?? 200), Number(values.lanes ?? 2), Number(values.size ?? 1)
]
if (![minutes, clients, lanes, size].every((number) => number > 0 && number < 100_000) || !Number.isInteger(seed)) {
  throw new RangeError('--minutes, --clients, --lanes, --size and --seed must be numbers above 0')
}
attacksNamed(values.only)
const { store } = values
if (store !== undefined && store !== 'sqlite' && store !== 'redis') throw new RangeError('--store must be sqlite or redis')
if (store !== 'sqlite' && noRedis !== false) throw new Error(noRedis)

const end = new AbortController()
setMaxListeners(0, end.signal)
if (values.each !== undefined) {
  const seconds = Number(values.each)
  if (!(seconds > 0 && seconds < 3_600)) throw new RangeError('--each must be a number of seconds')
  process.exit(await runEach({ seconds, store: store ?? 'sqlite', seed, clients, lanes, size, only: values.only ?? 'row: ', told: (text) => console.log(text) }) ? 0 : 1)
}
const timer = setTimeout(() => end.abort(), minutes * 60_000) // eslint-disable-line no-restricted-syntax -- how long the run is
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort())
const report = await runHostile({
  stores: store === undefined ? ['sqlite', 'redis'] : [store], seed, clients, lanes, size, only: values.only, pauseMs: 2_000, calmMs: 60_000, count: undefined, end: end.signal
})
clearTimeout(timer)
console.log(printed(report, { minutes, seed }))
process.exitCode = isWell(report) ? 0 : 1
