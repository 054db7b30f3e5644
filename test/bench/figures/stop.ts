// How long a node takes to end with everything open that it can have, and its log on a full disk: SDK clients with sessions, watches,
// DNS streams, and questions that an upstream does not answer.
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { connect } from 'node:net'
import { Rollcall } from '../../../client-sdk/src/index.ts'
import { question } from '../../support/dns-client.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryDirectory } from '../lib.ts'
import { type Figures, type Options, repeat, until } from './figure.ts'
import { watchers } from './probes.ts'

const clients = 500
const watches = 200
const streams = 50
const forwarded = 20

export async function stop ({ runs }: Options): Promise<void> {
  await repeat(`Issue 19: SIGTERM with ${clients} SDK clients, ${watches} watches, ${streams} DNS streams, ${forwarded} forwarded questions, log on /dev/full`, runs, stopped)
}

async function stopped (): Promise<Figures> {
  await using directory = await temporaryDirectory()
  const mute = createSocket('udp4').bind(0, '127.0.0.1')
  await once(mute, 'listening')
  let asked = 0
  mute.on('message', () => { asked++ })
  const { child, ended, url, dns } = await started(directory.path, mute.address().port)

  const sdk = Array.from({ length: clients }, () => new Rollcall({ address: url, namespace: 'shop', warn: null, signals: false }))
  await Promise.all(sdk.map((rollcall, index) => rollcall.register({ service: 'orders', id: `i${index}`, address: '10.0.0.1', port: 80, session: true })))
  const seen = await watchers(url, watches, { namespace: 'shop' })
  const sockets = await Promise.all(Array.from({ length: streams }, async () => {
    const socket = connect(dns, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    const message = question('orders.shop.svc.cluster.local', 'A')
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]))
    await once(socket, 'data')
    return socket
  }))
  const asker = createSocket('udp4')
  for (let each = 0; each < forwarded; each++) asker.send(question(`name-${each}.example`, 'A', { id: each + 1 }), dns, '127.0.0.1')
  await until('the forwarded questions', () => asked >= forwarded)

  const began = performance.now()
  child.kill('SIGTERM')
  const [code, signal] = await ended
  const figures = { 'from SIGTERM to the end, ms': performance.now() - began, 'exit code (-1 = ended by a signal)': signal === null ? code ?? -1 : -1 }
  seen.close()
  for (const socket of sockets) socket.destroy()
  asker.close()
  mute.close()
  for (const rollcall of sdk) void rollcall.close() // each says goodbye to nobody for a while; main.ts does not wait for that
  return figures
}

/** A node whose log is on a full disk, and so can't say its ports: they are chosen for it, again where somebody else was faster. */
async function started (directory: string, upstream: number) {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const [http, dns] = [await freePort(), await freePort()]
    const url = `http://127.0.0.1:${http}`
    const child = spawn(process.execPath, [
      '--conditions=rollcall-source', 'bin/rollcall.js', 'serve', '--http', `127.0.0.1:${http}`, '--dns', `127.0.0.1:${dns}`, '--data', directory,
      '--dns-forward', `127.0.0.1:${upstream}`, '--log-level', 'debug'
    ], { stdio: ['ignore', openSync('/dev/full', 'w'), 'ignore'] })
    const ended = once(child, 'exit') as Promise<[number | null, string | null]>
    await until('a ready node, or its end', async () => child.exitCode !== null || (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true)
    if (child.exitCode === null) return { child, ended, url, dns }
  }
  throw new Error('a node did not start five times')
}
