// What Consul's blocking queries cost: ten thousand that wait on one node, what each holds, and how soon a change answers its own, and no other.
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { type Row, median, residentBytes, startRegistry, temporaryDirectory, thousands } from './lib.ts'

const polls = 10_000
const services = 1_000
/** Changes, each of one service. BENCH_PAIRS is for a brief look. */
const changes = 10 * Number(process.env.BENCH_PAIRS ?? 7)
/** Opened at once: a listener's queue is short. */
const openedAtOnce = 100
const memoryGoal = 24 * 1_024
const soonGoalMs = 200

/** A connection with a query that waits. */
interface Poll {
  readonly socket: Socket
  readonly service: string
  index: string
  answers: number
}

export async function consul (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using program = await startRegistry({ directory: directory.path }, '0', ['--consul', '127.0.0.1:0'])
  const { hostname, port } = new URL(program.ready.consul ?? '')
  const base = `http://${hostname}:${port}`
  let count = 0
  const register = async (service: string): Promise<void> => {
    const body = JSON.stringify({ ID: service, Name: service, Address: '10.0.0.1', Port: 1 + ++count % 60_000, Tags: ['bench'] })
    const response = await fetch(`${base}/v1/agent/service/register`, { method: 'PUT', body })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const names = Array.from({ length: services }, (_, index) => `service-${index}`)
  for (const name of names) await register(name)

  const all: Poll[] = []
  let news: (() => void) | undefined
  const ask = (poll: Poll): void => {
    poll.socket.write(`GET /v1/health/service/${poll.service}?index=${poll.index}&wait=600s HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
  }
  const open = async (service: string): Promise<Poll> => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    const poll: Poll = { socket, service, index: '0', answers: 0 }
    socket.on('error', () => undefined) // the end of the registry ends it
    await once(socket, 'connect')
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
      if (end === -1 || !(text.length >= end + 4 + length)) return
      poll.index = /x-consul-index: (\d+)/i.exec(text)?.[1] ?? poll.index
      text = ''
      poll.answers++
      news?.()
    })
    return poll
  }
  /** Resolves when what was waited for is so; looked at with each answer. */
  const until = (isSo: () => boolean): Promise<void> => new Promise((resolve) => {
    news = () => { if (isSo()) resolve() }
    news()
  })

  // The first thousand makes what is made once.
  const openMany = async (amount: number): Promise<void> => {
    const first = all.length
    for (let from = 0; from < amount; from += openedAtOnce) {
      const opened = await Promise.all(Array.from({ length: Math.min(openedAtOnce, amount - from) }, (_, index) => open(names[(first + from + index) % services] ?? '')))
      all.push(...opened)
      for (const poll of opened) ask(poll)
      await until(() => opened.every(({ answers }) => answers === 1))
      for (const poll of opened) ask(poll)
    }
    await fetch(`${base}/v1/status/leader`)
  }
  await openMany(services)
  const before = residentBytes(program.pid)
  await openMany(polls - services)
  const each = (residentBytes(program.pid) - before) / (polls - services)

  const times: number[] = []
  let others = 0
  for (let change = 0; change < changes; change++) {
    const service = names[change * 37 % services] ?? ''
    const own = all.filter((poll) => poll.service === service)
    const counts = new Map(all.map((poll) => [poll, poll.answers]))
    const began = performance.now()
    const written = register(service)
    await until(() => own.every((poll) => poll.answers === (counts.get(poll) ?? 0) + 1))
    times.push(performance.now() - began)
    await written
    others += all.filter((poll) => poll.service !== service && poll.answers !== counts.get(poll)).length
    for (const poll of own) ask(poll)
  }
  for (const { socket } of all) socket.destroy()
  const longest = Math.max(...times)
  return [{
    what: `memory of each of ${thousands(polls)} blocking queries that wait`, measured: `${(each / 1_024).toFixed(1)} KiB`, goal: `at most ${memoryGoal / 1_024} KiB`, met: each <= memoryGoal
  }, {
    what: `a change of one service of ${thousands(services)}, until all that wait for it are answered`,
    measured: `${median(times).toFixed(0)} ms, ${longest.toFixed(0)} ms at the longest; ${others} others woken`, goal: `at most ${soonGoalMs} ms, no other`, met: longest <= soonGoalMs && others === 0
  }]
}
