// A listener for transfers alone: a TCP listener on the loopback that hands every message to a `ZoneTransfers`, and dig to ask it.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { promisify } from 'node:util'
import { ZoneTransfers, type ZoneTransferOptions } from '../../server/dns/transfer/transfer.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { parseTransferRule, parseTsigKey, type TransferRule, type TsigKey } from '../../server/dns/transfer/peers.ts'
import { framed } from '../support/dns-client.ts'
import { lacking } from '../support/programs.ts'
import type { PlayedFeed } from '../support/played-feed.ts'

export const ttlSeconds = 5

export function zoneNamed (name: string): Zone {
  return new Zone(name, { ttlSeconds, addresses: [{ text: '127.0.0.1', family: 4 }] })
}

export function key (text: string): TsigKey {
  const parsed = parseTsigKey(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}

export function rule (text: string): TransferRule {
  const parsed = parseTransferRule(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}

/** The messages of an answer, one or many. */
export async function * messagesOf (transfers: ZoneTransfers, query: Buffer, address: string): AsyncGenerator<Buffer, void> {
  const answer = transfers.stream(query, address)
  if (Buffer.isBuffer(answer)) yield answer
  else yield * answer
}

export interface TransferListener {
  readonly port: number
  readonly transfers: ZoneTransfers
  readonly failures: unknown[]
}

/** Opens the listener, for everybody on this machine unless told otherwise; closed with the test. */
export async function openListener (
  t: { teardown (end: () => Promise<void>): void }, world: PlayedFeed, options: Partial<ZoneTransferOptions> = {}
): Promise<TransferListener> {
  const failures: unknown[] = []
  const transfers = new ZoneTransfers({
    source: world.feed, zones: [zoneNamed('cluster.local')], ttlSeconds, keys: [], allowed: [rule('127.0.0.0/8')], clock: { now: () => Date.now() },
    failed: (error) => failures.push(error), ...options
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let input = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk])
      const length = input.length >= 2 ? input.readUInt16BE(0) : Infinity
      if (input.length < 2 + length) return
      const answer = transfers.stream(input.subarray(2, 2 + length), socket.remoteAddress ?? '')
      input.fill(0) // as a listener does that uses its memory again
      void send(Buffer.isBuffer(answer) ? [answer] : answer, socket)
    })
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.teardown(() => new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  }))
  return { port: (server.address() as AddressInfo).port, transfers, failures }
}

async function send (stream: Iterable<Buffer> | AsyncIterable<Buffer>, socket: Socket): Promise<void> {
  for await (const message of stream) {
    if (!socket.write(framed(message))) await once(socket, 'drain')
  }
}

/** For `skip`. */
export const noDig = lacking('dig')
const run = promisify(execFile)

/** What dig prints, white space folded. Its own configuration file is not read. */
export async function dig ({ port }: { readonly port: number }, ...question: readonly string[]): Promise<string> {
  const { stdout } = await run('dig', ['-r', '@127.0.0.1', '-p', String(port), '+tries=1', '+tcp', ...question], { maxBuffer: 256 * 1024 ** 2 })
  return stdout.replaceAll(/[ \t]+/g, ' ')
}

/** The records that dig prints, in their order. */
export async function digRecords (listener: { readonly port: number }, ...question: readonly string[]): Promise<string[]> {
  const output = await dig(listener, '+noall', '+answer', ...question)
  return output.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
}
