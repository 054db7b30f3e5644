// Prints what the answers of a name take: octets of the heap and beside it, for A of so many names of one instance each.
// Run with --expose-gc.
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { question } from '../support/dns-client.ts'
import { PlayedFeed, responderOf } from '../support/played-feed.ts'

const names = Number(process.argv[2] ?? 10_000)
const world = new PlayedFeed().load()
for (let index = 0; index < names; index++) {
  world.register(`shop/web-${index}/a`, { address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, ports: [{ name: 'http', port: 80 }] })
  world.feed.catalog.endpoints('shop', `web-${index}`) // shared with REST
}
const responders = [responderOf(world), responderOf(world)]
const writer = new MessageWriter(1_232)
const questions = Array.from({ length: names }, (_, index) => question(`web-${index}.shop.svc.cluster.local`, 'A'))
// The first one pays for, and is paid by, what V8 does with the catalog's own objects when they are first read. Each has its own answers.
let each = 0
for (const responder of responders) {
  const before = used()
  for (const message of questions) responder.respond(message, { transport: 'udp', address: '127.0.0.1' }, writer)
  each = (used() - before) / names
}
console.log(each)

function used (): number {
  for (let pass = 0; pass < 4; pass++) globalThis.gc?.() // what one pass frees lets the next one free more
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
