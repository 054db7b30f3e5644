// WebSocket frames: broken, too long, wrongly masked, in pieces; subscriptions of all shapes; readers that stop.
import { randomBytes } from 'node:crypto'
import { clientFrames } from '../../../server/http/api/schemas.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, Wire, host, many, namespaces } from './attack.ts'
import { hostileJson } from './json-mutants.ts'
import { after } from './pace.ts'

const kinds = Object.keys(clientFrames)

async function upgraded (strike: Strike): Promise<Wire> {
  const { random } = strike
  const wire = await Wire.open(strike)
  const extension = random.one(['', '', 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n', 'Sec-WebSocket-Protocol: a, b\r\n', 'Origin: http://evil.example\r\n'])
  const version = random.below(20) === 0 ? '8' : '13'
  await wire.write(`GET /v1/watch HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: ${version}\r\n${extension}\r\n`)
  return wire
}

interface Lies {
  readonly opcode?: number
  readonly fin?: boolean
  readonly reserved?: number
  readonly isMasked?: boolean
  readonly length?: bigint
}

/** RFC 6455 5.2, and what it forbids. */
export function frame (payload: Buffer, { opcode = 1, fin = true, reserved = 0, isMasked = true, length = BigInt(payload.length) }: Lies = {}): Buffer {
  const head = Buffer.alloc(14)
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = isMasked ? 0x80 : 0
  let size = 2
  if (length < 126n) head[1] = mask | Number(length)
  else if (length < 65_536n) {
    head[1] = mask | 126
    size = 2 + head.writeUInt16BE(Number(length), 2) - 2
  } else {
    head[1] = mask | 127
    head.writeBigUInt64BE(length, 2)
    size = 10
  }
  if (!isMasked) return Buffer.concat([head.subarray(0, size), payload])
  const key = [1, 2, 3, 4]
  return Buffer.concat([head.subarray(0, size), Buffer.from(key), payload.map((octet, index) => octet ^ (key[index % 4] ?? 0))])
}

function message (random: Random): Buffer {
  const base = random.one<Record<string, unknown>>([
    { type: 'subscribe', id: random.below(5), namespace: random.one([...namespaces, 'honest']), selector: 'a=b', view: random.one(['instances', 'endpoints']) },
    { type: 'subscribe', id: random.below(5), namespace: 'honest', since: random.one(['e.1', 'x', '0.0', '9.99999999999']) },
    { type: 'subscribe', id: random.below(200) },
    { type: 'unsubscribe', id: random.below(5) },
    { type: 'ack', revision: random.one(['e.1', '1', 'x']) },
    { type: 'heartbeat', id: 1, session: true, leases: [{ namespace: random.one(namespaces), service: 's0', id: `i${random.below(20)}`, generation: `g${random.below(3)}` }] },
    { type: random.one([...kinds, 'hello', 'toString', 7]), id: random.below(5) }
  ])
  return Buffer.from(random.below(3) === 0 ? JSON.stringify(base) : hostileJson(base, random))
}

function brokenFrame (random: Random): Buffer {
  const payload = message(random)
  return random.one<() => Buffer>([
    () => frame(payload, { isMasked: false }),
    () => frame(payload, { opcode: random.below(16) }),
    () => frame(payload, { reserved: 1 + random.below(7) }),
    () => frame(payload, { length: random.one([2n ** 63n, 2n ** 31n, BigInt(payload.length) + 5n, 1_048_577n, 0n]) }),
    () => frame(Buffer.alloc(random.below(200)), { opcode: random.one([8, 9, 10]), fin: random.below(2) === 0 }),
    () => frame(Buffer.from([0xff, 0xfe, 0x80]), {}),
    () => frame(payload, { opcode: 0 }),
    () => Buffer.concat([frame(payload.subarray(0, 3), { fin: false }), frame(payload.subarray(3), { opcode: 2 })]),
    () => Buffer.concat([frame(Buffer.alloc(0), { fin: false }), ...Array.from({ length: 2_000 }, () => frame(Buffer.alloc(1), { opcode: 0, fin: false }))]),
    () => randomBytes(1 + random.below(400))
  ])()
}

async function frames (strike: Strike): Promise<void> {
  const { random } = strike
  const wire = await upgraded(strike)
  for (let count = many(strike, 100); count > 0 && wire.isOpen && !strike.signal.aborted; count--) {
    await wire.write(random.below(8) === 0 ? brokenFrame(random) : frame(message(random)))
  }
  await wire.end(random.below(1_000))
}

async function large (strike: Strike): Promise<void> {
  const { random } = strike
  const wire = await upgraded(strike)
  const text = random.one([
    () => '{"type":"heartbeat","id":1,"leases":[' + '{},'.repeat(300_000) + '{}]}',
    () => `{"type":"subscribe","id":1,"selector":"${'a,'.repeat(500_000)}"}`,
    () => `{${Array.from({ length: 60_000 }, (_none, index) => `"k${index}":1`).join(',')}}`,
    () => `"${'\\u0001'.repeat(170_000)}"`,
    () => '['.repeat(1_000_000)
  ])()
  const octets = frame(Buffer.from(text.slice(0, Math.floor(text.length * strike.size))))
  for (let count = 1 + random.below(5); count > 0; count--) await wire.write(octets)
  await wire.end(2_000)
}

/** Subscribes to much and reads nothing, or slowly. */
async function slowReaders (strike: Strike): Promise<void> {
  const { random } = strike
  const wires = await Promise.all(Array.from({ length: many(strike, 30) }, () => upgraded(strike)))
  for (const wire of wires) {
    wire.pause()
    for (let id = 1 + random.below(20); id > 0; id--) await wire.write(frame(Buffer.from(JSON.stringify({ type: 'subscribe', id, namespace: '*', view: random.one(['instances', 'endpoints']) }).replace('"namespace":"*",', ''))))
  }
  for (let turn = 0; turn < 10 && !strike.signal.aborted; turn++) {
    await after(200)
    const wire = random.one(wires)
    wire.socket.resume()
    await after(5)
    wire.pause()
  }
  await Promise.all(wires.map((wire) => wire.end(random.below(1_000))))
}

export const websockets: readonly Attack[] = [
  { name: 'websocket frames', weight: 6, run: frames },
  { name: 'websocket large frames', weight: 1, run: large },
  { name: 'websocket slow readers', weight: 2, run: slowReaders }
]
