// Clients that ask all the time, and tell how long the longest answer took and how many questions had none.
import { createSocket } from 'node:dgram'
import { request } from 'node:http'
import { Agent } from 'node:http'
import WebSocket from 'ws'
import { question } from '../../support/dns-client.ts'

/** A question that is not answered in this time has no answer. */
const lostMs = 5_000

export interface Probe {
  /** Begins to measure anew. */
  reset (): void
  /** The longest that an answer took, in ms; those that are still waited for count with what they have waited. */
  readonly longestMs: number
  /** Questions without an answer, or with one that says no. */
  readonly failed: number
  close (): void
}

/** Asks every `everyMs`; `ask` calls back when the answer is there. */
function probe (everyMs: number, ask: (answered: (isGood: boolean) => void) => void, close: () => void): Probe {
  const open = new Set<number>()
  let longest = 0
  let failed = 0
  const timer = setInterval(() => {
    const began = performance.now()
    open.add(began)
    ask((isGood) => {
      if (!open.delete(began)) return
      longest = Math.max(longest, performance.now() - began)
      if (!isGood) failed++
    })
    for (const since of open) {
      if (performance.now() - since < lostMs) break
      open.delete(since)
      failed++
    }
  }, everyMs)
  return {
    reset: () => { longest = failed = 0 },
    get longestMs () { return Math.max(longest, ...[...open].map((since) => performance.now() - since)) },
    get failed () { return failed },
    close: () => {
      clearInterval(timer)
      close()
    }
  }
}

/** Asks for the addresses of a service over UDP; an answer with fewer than `least` is none. */
export function dnsProbe (dns: string, name: string, everyMs = 5, least = 1): Probe {
  const [host = '', port = ''] = dns.split(':')
  const socket = createSocket('udp4')
  const waiting = new Map<number, (isGood: boolean) => void>()
  let id = 0
  socket.on('message', (message) => {
    const answered = waiting.get(message.readUInt16BE(0))
    waiting.delete(message.readUInt16BE(0))
    answered?.((message[3] ?? 0) % 16 === 0 && message.readUInt16BE(6) >= least)
  })
  return probe(everyMs, (answered) => {
    id = (id + 1) % 65_536
    waiting.set(id, answered)
    socket.send(question(name, 'A', { id }), Number(port), host)
  }, () => socket.close())
}

/** Reads a path. */
export function httpProbe (url: string, path: string, everyMs = 10): Probe {
  const agent = new Agent({ keepAlive: true })
  return probe(everyMs, (answered) => {
    request(`${url}${path}`, { agent }, (response) => {
      response.resume()
      response.on('end', () => answered(response.statusCode === 200))
    }).on('error', () => answered(false)).end()
  }, () => agent.destroy())
}

/** Asks once for the addresses of a service; undefined = no answer within a second. */
export async function addresses (dns: string, name: string): Promise<number | undefined> {
  const [host = '', port = ''] = dns.split(':')
  const socket = createSocket('udp4')
  try {
    return await new Promise<number | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), 1_000)
      socket.once('message', (message) => {
        clearTimeout(timer)
        resolve((message[3] ?? 0) % 16 === 0 || (message[3] ?? 0) % 16 === 3 ? message.readUInt16BE(6) : undefined)
      })
      socket.send(question(name, 'A', { id: 7 }), Number(port), host)
    })
  } finally {
    socket.close()
  }
}

export interface WatchProbe {
  /** Octets of frames since the last `reset`, pings and marks of health left out. */
  readonly octets: number
  /** Frames of a kind since then. */
  frames (type: string): number
  reset (): void
  close (): void
}

/** Watchers that follow something and read nothing but the kind of each frame. */
export async function watchers (url: string, count: number, filter: object): Promise<WatchProbe> {
  let octets = 0
  let seen = new Map<string, number>()
  const sockets = await Promise.all(Array.from({ length: count }, async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    const whole = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const type = /"type":"(\w+)"/.exec(data.subarray(0, 64).toString())?.[1] ?? ''
        if (type === 'ping' || type === 'hello' || type === 'stale' || type === 'current') return
        octets += data.length
        seen.set(type, (seen.get(type) ?? 0) + 1)
        if (type === 'snapshot' && !data.subarray(-200).toString().includes('"more":true')) resolve()
      })
    })
    socket.on('error', () => undefined)
    socket.send(JSON.stringify({ type: 'subscribe', id: 1, ...filter }))
    await whole
    return socket
  }))
  return {
    get octets () { return octets },
    frames: (type) => seen.get(type) ?? 0,
    reset: () => {
      octets = 0
      seen = new Map()
    },
    close: () => { for (const socket of sockets) socket.terminate() }
  }
}
