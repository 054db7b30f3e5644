// What takes decisions from a webhook: verifies them, takes each once, and leaves older ones alone. Start something here
// instead of the line that it prints. `SECRET` is the line of the secret file, "whsec_...".
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

interface Decision {
  readonly id: string
  /** Grows with each decision of an autoscaler. */
  readonly sequence: number
  readonly namespace: string
  readonly name: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

const secret = Buffer.from((process.env['SECRET'] ?? '').replace(/^whsec_/, ''), 'base64')
if (secret.length < 24) throw new Error('SECRET must be the line of the secret file')
/** Whoever has heard a call could say it again: not for longer than this. */
const maxAgeSeconds = 300
/** The newest that was taken, by autoscaler. A program that is stopped now and then keeps them in a file. */
const newest = new Map<string, number>()

const server = createServer((request, response) => {
  void (async () => {
    const body = await text(request)
    const header = (name: string): string => String(request.headers[name] ?? '')
    const [id, timestamp] = [header('webhook-id'), header('webhook-timestamp')]
    const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
    const expected = Buffer.from(`v1,${signature}`)
    const isSigned = header('webhook-signature').split(' ').map((given) => Buffer.from(given))
      .some((given) => given.length === expected.length && timingSafeEqual(given, expected))
    const ageSeconds = Math.abs(Date.now() / 1_000 - Number(timestamp))
    if (!isSigned || !(ageSeconds <= maxAgeSeconds)) return void response.writeHead(401).end()
    const { namespace, name, sequence, from, to, reason } = JSON.parse(body) as Decision // the registry has signed it
    const key = `${namespace}/${name}`
    if (sequence > (newest.get(key) ?? -1)) {
      newest.set(key, sequence)
      console.log(`${key}: from ${from} to ${to} (${reason})`)
    }
    response.writeHead(204).end() // also for one that it has had: it need not come again
  })().catch(() => response.writeHead(400).end())
})
server.listen(Number(process.env['PORT'] ?? 8090), '127.0.0.1', () => {
  console.log(`listening on ${JSON.stringify(server.address())}`)
})
