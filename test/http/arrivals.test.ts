// Connections before the end of their TLS handshake: limited for each client and in all, and served in turns.
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { Arrivals } from '../../server/http/server/arrivals.ts'
import { Commons } from '../../server/http/server/commons.ts'
import { HandClock } from '../support/hand-clock.ts'

interface Place {
  readonly clock: HandClock
  readonly arrivals: Arrivals
  readonly counts: { refused: number, late: number }
  /** Names of those whose handshake has begun. */
  readonly begun: string[]
  /** A connection of a client. @param name `client number` */
  readonly connect: (name: string) => Duplex
}

function place (limits = { perClient: 3, together: 5 }): Place {
  const clock = new HandClock()
  const counts = { refused: 0, late: 0 }
  const begun: string[] = []
  const arrivals = new Arrivals({
    commons: new Commons(standaloneGuard), guard: standaloneGuard, clock, silentMs: 10_000, limits,
    refused: () => { counts.refused++ }, late: () => { counts.late++ }
  })
  const connect = (name: string): Duplex => {
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
    Object.assign(socket, { remoteAddress: name.split(' ')[0] })
    arrivals.arrived(socket as unknown as Socket, () => { begun.push(name) }) // it looks at nothing else of one
    return socket
  }
  return { clock, arrivals, counts, begun, connect }
}

const turn = (): Promise<void> => new Promise(setImmediate)

t.test('a handshake begins when the client has said something, and what it said is there', async (t) => {
  const { begun, connect, arrivals } = place()
  const socket = connect('10.0.0.1 a')
  await turn()
  t.same(begun, [])
  socket.push('hello')
  await turn()
  t.same(begun, ['10.0.0.1 a'])
  t.equal(String(socket.read()), 'hello')
  t.equal(arrivals.size, 1)
  arrivals.agreed(socket as unknown as Socket)
  t.equal(arrivals.size, 0)
})

t.test('who says nothing in time is hung up on, and so is who leaves without a word', async (t) => {
  const { clock, counts, connect, arrivals, begun } = place()
  const [silent, spoke, gone] = [connect('10.0.0.1 a'), connect('10.0.0.1 b'), connect('10.0.0.1 c')]
  spoke.push('hello')
  gone.push(null)
  gone.resume()
  await turn()
  await turn()
  t.ok(gone.destroyed)
  clock.advance(10_000)
  t.same([silent.destroyed, spoke.destroyed, counts.late], [true, false, 1])
  await turn()
  t.equal(arrivals.size, 1)
  t.same(begun, ['10.0.0.1 b'])
})

t.test('at the limit of a client its oldest silent connection goes; those that have begun stay, and the next one is refused', async (t) => {
  const { counts, connect } = place()
  const [a, b, c] = [connect('10.0.0.1 a'), connect('10.0.0.1 b'), connect('10.0.0.1 c')]
  b.push('hello')
  await turn()
  const d = connect('10.0.0.1 d')
  t.same([a, b, c, d].map(({ destroyed }) => destroyed), [true, false, false, false])
  for (const each of [c, d]) each.push('hello')
  await turn()
  const e = connect('10.0.0.1 e')
  t.same([b, c, d, e].map(({ destroyed }) => destroyed), [false, false, false, true])
  t.equal(counts.refused, 2)
})

t.test('at the limit of all, who has most gives one up for a newcomer from elsewhere', async (t) => {
  const { counts, connect, arrivals } = place()
  const many = [connect('10.0.0.1 a'), connect('10.0.0.1 b'), connect('10.0.0.1 c')]
  for (const each of many) each.push('hello')
  await turn()
  const [two, three] = [connect('10.0.0.2 a'), connect('10.0.0.3 a')]
  const four = connect('10.0.0.4 a')
  t.same(many.map(({ destroyed }) => destroyed), [true, false, false])
  t.same([two, three, four].map(({ destroyed }) => destroyed), [false, false, false])
  t.equal(counts.refused, 1)
  arrivals.close()
  t.ok([...many, two, three, four].every(({ destroyed }) => destroyed), 'at the end nobody waits')
  t.ok(connect('10.0.0.5 a').destroyed)
})

t.test('ten thousand silent connections of one client leave a bounded number, and the others begin at once', async (t) => {
  const { counts, connect, arrivals, begun } = place({ perClient: 100, together: 400 })
  for (let number = 0; number < 10_000; number++) connect(`10.0.0.1 ${number}`)
  t.equal(arrivals.size, 100)
  t.equal(counts.refused, 9_900)
  const honest = connect('10.0.0.2 a')
  honest.push('hello')
  const same = connect('10.0.0.1 honest')
  same.push('hello')
  await turn()
  t.same(begun.sort(), ['10.0.0.1 honest', '10.0.0.2 a'])
})
