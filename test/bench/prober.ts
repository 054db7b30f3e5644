// A thread that asks a node for little, all the time, and says how long the longest answer took: a question over UDP, and a small GET. A
// thread of its own, so that nothing waits here but what waits there.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

export interface ProbeSettings {
  /** `host:port` */
  readonly dns: string
  readonly question: Uint8Array
  readonly url: string
}

/** Milliseconds of the longest answers since the last look. */
export interface Longest {
  readonly dns: number
  readonly get: number
}

/** A question, or a request, begins so often. */
const intervalMs = 2
/** One that has no answer yet counts as long as it has waited; it is given up then. */
const patienceMs = 10_000

if (parentPort === null) throw new Error('this is the program of a thread')
const parent = parentPort
const { dns, url, ...given } = workerData as ProbeSettings
const question = Buffer.from(given.question) // a thread gets it as an array
const colon = dns.lastIndexOf(':')
const socket = createSocket('udp4')
socket.connect(Number(dns.slice(colon + 1)), dns.slice(0, colon))
await once(socket, 'connect')
const agent = new Agent({ keepAlive: true, maxSockets: 4 })
const asked = new Map<number, number>()
const requested = new Set<{ readonly atMs: number }>()
let [longestDns, longestGet, id] = [0, 0, 0]

socket.on('message', (message) => {
  const atMs = asked.get(message.readUInt16BE(0))
  asked.delete(message.readUInt16BE(0))
  if (atMs !== undefined) longestDns = Math.max(longestDns, performance.now() - atMs)
})

setInterval(() => {
  const nowMs = performance.now()
  for (const [key, atMs] of asked) if (nowMs - atMs > patienceMs) asked.delete(key)
  id = (id + 1) % 65_536
  question.writeUInt16BE(id, 0)
  asked.set(id, nowMs)
  socket.send(question)
  if (requested.size >= 4) return
  const request = { atMs: nowMs }
  requested.add(request)
  get(url, { agent }, (response) => response.resume().on('end', () => {
    requested.delete(request)
    longestGet = Math.max(longestGet, performance.now() - request.atMs)
  })).on('error', () => requested.delete(request))
}, intervalMs)

parent.on('message', () => {
  const nowMs = performance.now()
  const waiting = (times: Iterable<number>): number => Math.max(0, ...Array.from(times, (atMs) => nowMs - atMs))
  parent.postMessage({
    dns: Math.max(longestDns, waiting(asked.values())), get: Math.max(longestGet, waiting(Array.from(requested, ({ atMs }) => atMs)))
  } satisfies Longest)
  longestDns = longestGet = 0
})
