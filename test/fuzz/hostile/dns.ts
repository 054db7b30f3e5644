// DNS over UDP and TCP: mutated questions, half and slow messages, transfers, and names that are forwarded to a silent resolver.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { framed, question } from '../../support/dns-client.ts'
import { mutant } from '../mutants.ts'
import { labelsOf, queryOctets } from '../octets.ts'
import { seeds as seedsOfShop } from '../seeds.ts'
import { type Attack, type Strike, Wire, host, many } from './attack.ts'
import { after } from './pace.ts'

const names = [
  's1.honest.svc.cluster.local', 's0.hostile-0.svc.cluster.local', '_http._tcp.s1.hostile-1.svc.cluster.local', '1.0.0.10.in-addr.arpa',
  '_services._dns-sd._udp.cluster.local', 'honest.svc.cluster.local'
]
const ofNodes = names.flatMap((name) => [1, 28, 33, 255, 12, 252].map((type) => (
  queryOctets({ labels: labelsOf(name), type, edns: { size: 1_232 } })
)))
const seeds = [...seedsOfShop, ...ofNodes]
/** As many datagrams as fit a receive buffer leave together. */
const burst = 64

async function datagrams (strike: Strike, next: () => Buffer, count: number): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  socket.bind({ address: strike.from })
  await once(socket, 'listening')
  for (let sent = 0; sent < count && !strike.signal.aborted; sent += burst) {
    for (let index = 0; index < burst; index++) socket.send(next(), strike.target.dns, host)
    await after(20)
  }
  await after(200)
  socket.close()
}

function mutated ({ random }: Strike): Buffer {
  const message = mutant(seeds, random).subarray(0, 8_000)
  if (message.length >= 2) message.writeUInt16BE(random.below(65_536))
  return message
}

async function overTcp (strike: Strike): Promise<void> {
  const { random } = strike
  const wire = await Wire.open(strike, strike.target.dns)
  if (random.below(4) === 0) wire.pause()
  for (let count = many(strike, 200); count > 0 && wire.isOpen && !strike.signal.aborted; count--) {
    const octets = framed(mutated(strike))
    if (random.below(20) === 0) octets.writeUInt16BE(random.below(65_536))
    await wire.write(random.below(30) === 0 ? octets.subarray(0, random.below(octets.length)) : octets)
  }
  await wire.end(random.below(1_500))
}

async function slowTcp (strike: Strike): Promise<void> {
  const { random } = strike
  const wires = await Promise.all(Array.from({ length: many(strike, 60) }, () => Wire.open(strike, strike.target.dns)))
  const octets = framed(question(random.one(names), 'A'))
  for (let at = 0; at < octets.length - 1 && !strike.signal.aborted; at++) {
    await Promise.all(wires.map((wire) => wire.write(octets.subarray(at, at + 1))))
    await after(random.below(100))
  }
  await Promise.all(wires.map((wire) => wire.end(random.below(1_000))))
}

/** Whole zones, again and again, read or not. */
async function transfers (strike: Strike): Promise<void> {
  const { random } = strike
  const wires = await Promise.all(Array.from({ length: many(strike, 20) }, () => Wire.open(strike, strike.target.dns)))
  for (const wire of wires) {
    if (random.below(2) === 0) wire.pause()
    const axfr = framed(question('cluster.local', 'AXFR', { id: random.below(65_536) }))
    for (let count = 1 + random.below(5); count > 0; count--) await wire.write(axfr)
  }
  await Promise.all(wires.map((wire) => wire.end(1_000)))
}

/** A row of its own: names of a resolver that does not answer, thousands a second. */
export async function slowNames (strike: Strike, count: number): Promise<void> {
  const { random, target: { slowZone } } = strike
  await datagrams(strike, () => question(`n${random.below(1_000_000)}.${slowZone}`, 'A', { id: random.below(65_536) }), count)
}

export const dns: readonly Attack[] = [
  { name: 'dns datagrams', weight: 4, run: (strike) => datagrams(strike, () => mutated(strike), many(strike, 3_000)) },
  { name: 'dns over tcp', weight: 3, run: overTcp },
  { name: 'dns over tcp, slowly', weight: 1, run: slowTcp },
  { name: 'dns transfers', weight: 1, run: transfers },
  { name: 'dns slow names', weight: 1, run: (strike) => slowNames(strike, many(strike, 2_000)) }
]
