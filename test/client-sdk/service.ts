// A service for the tests of signals: registers, says so, and stays until it is told to end. argv[2]: how it behaves.
import { Rollcall } from '@rollcall/client'

const [, , manner] = process.argv
process.on('unhandledRejection', (error) => console.log('UNHANDLED', error))
const rollcall = new Rollcall({ onEvent: ({ type }) => console.log('event', type) })
await rollcall.register({ service: 'orders', id: `s-${manner}`, port: 8080, session: manner === 'session', drainMs: manner === 'drain' ? 50 : 0 })
if (manner === 'own-handler') process.on('SIGTERM', () => console.log('own handler'))
console.log('ready')
// What keeps a real service alive is its server.
const alive = manner === 'nothing-left' ? undefined : setInterval(() => {}, 1_000)
if (manner === 'own-handler') process.on('SIGUSR2', () => clearInterval(alive))
