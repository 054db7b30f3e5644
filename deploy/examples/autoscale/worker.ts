// A worker: does jobs that cost processor time, one after the other, and says how busy it is with each heartbeat.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Rollcall } from '@rollcall/client'

const { env } = process
/** Processor time of a job, in milliseconds. */
const jobMs = Number(env['JOB_MS'] ?? 20)
/** What a copy has been given of a processor: 0.1 is a tenth. Its load is told in parts of it. */
const share = Number(env['CPU'] ?? 0.1)

/** Of this process, in microseconds. */
function processorTime (): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Uses the processor, and nothing else. */
function work (): void {
  const until = processorTime() + jobMs * 1_000
  while (processorTime() < until);
}

let told = { used: processorTime(), atMs: performance.now() }
/** Processors that were in use since it was asked last. What starting has cost is in none of them. */
function usage (): number {
  const now = { used: processorTime(), atMs: performance.now() }
  const busy = (now.used - told.used) / 1_000 / Math.max(1, now.atMs - told.atMs)
  told = now
  return busy
}

let id = ''
let done = 0
const server = createServer((request, response) => {
  const isJob = request.method === 'POST' && request.url === '/jobs'
  if (isJob) work()
  response.writeHead(isJob ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(isJob ? { worker: id, done: ++done } : { error: 'POST /jobs' }))
})
server.listen(Number(env['PORT'] ?? 0), env['HOST'] ?? '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on a port, so it has one

const rollcall = new Rollcall({
  namespace: env['ROLLCALL_NAMESPACE'] ?? 'shop',
  signals: false, // it ends in its own order, below
  onEvent: (event) => console.log(`rollcall: ${event.type}${'error' in event ? ` (${event.error.message})` : ''}`)
})
usage()
const registration = await rollcall.register({
  service: 'worker', ports: { http: port }, address: env['ADDRESS'], drainMs: Number(env['DRAIN_MS'] ?? 1_000),
  ttlMs: 6_000, // a heartbeat, and so a word of its load, every two seconds
  ...(env['WORKER'] === undefined ? {} : { id: `worker-${env['WORKER']}` }),
  load: () => ({ cpu: { value: usage(), capacity: share } })
})
id = registration.id
console.log(`${id} listens on port ${port}`)

async function end (): Promise<void> {
  await registration.drain() // callers go elsewhere,
  await rollcall.close() // then it is gone from every list,
  server.close() // and what is still being answered is answered
  server.closeIdleConnections()
  console.log(`${id} has done ${done} jobs, and is gone`)
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void end())
