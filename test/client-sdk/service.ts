// A service for the tests of signals: registers, says so, and stays until it is told to end. argv[2]: how it behaves.
import { Rollcall } from '@rollcall/client'

/** Does what the library signal-exit does: ends the process if nobody but such libraries listens. */
function politeLibrary (): void {
  const shared = globalThis as Record<symbol, { count: number }>
  const emitter = shared[Symbol.for('signal-exit emitter')] ??= { count: 0 }
  emitter.count++
  const listener = (): void => {
    if (process.listenerCount('SIGTERM') !== emitter.count) return
    console.log('the library ends it')
    process.off('SIGTERM', listener)
    process.kill(process.pid, 'SIGTERM')
  }
  process.on('SIGTERM', listener)
}

const [, , manner] = process.argv
process.on('unhandledRejection', (error) => console.log('UNHANDLED', error))
const rollcall = new Rollcall({ onEvent: ({ type }) => console.log('event', type) })
await rollcall.register(
  {
    service: 'orders', id: `s-${manner}`, port: 8080,
    ...(manner?.startsWith('session') === true ? { session: true } : {}), drainMs: manner === 'drain' ? 50 : 0
  }
)
if (manner === 'own-handler') process.on('SIGTERM', () => console.log('own handler'))
if (manner === 'polite-library') politeLibrary()
if (manner === 'reload-on-hup') process.on('SIGHUP', () => console.log('reloaded'))
console.log('ready')
// What keeps a real service alive is its server.
const alive = manner === 'nothing-left' || manner === 'session-only' ? undefined : setInterval(() => {}, 1_000)
if (manner === 'own-handler') process.on('SIGUSR2', () => clearInterval(alive))
