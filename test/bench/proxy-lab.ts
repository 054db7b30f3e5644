// What the benchmark of the agent runs in its lab: programs on machines, the back ends on a machine, small clients as text.
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { KernelBackEnd } from '../../server/proxy/kernel/kernel-back-end.ts'
import { programRunner, type Run } from '../../server/proxy/program.ts'
import type { Lab } from '../support/lab.ts'
import { programPath } from '../support/programs.ts'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Started {
  readonly pid: number
  /** The first line that matches; rejects if it ends before. */
  line (pattern: RegExp): Promise<string>
}

export interface Measuring extends AsyncDisposable {
  teardown (callback: () => unknown): void
  passing (): boolean
  comment (text: string): void
  start (lab: Lab, machine: string, program: string, args: readonly string[]): Started
}

/** What is ended with it, the last first. */
export function measuring (): Measuring {
  const ends: (() => unknown)[] = []
  return {
    teardown: (callback) => void ends.push(callback),
    passing: () => true,
    comment: () => undefined,
    start: (lab, machine, program, args) => {
      const child = spawn('ip', ['netns', 'exec', lab.namespace(machine), programPath(program) ?? program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
      const lines: string[] = []
      const looks = new Set<() => void>()
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line)
        for (const look of looks) look()
      })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      ends.push(async () => {
        child.kill('SIGKILL')
        await ended
      })
      return {
        pid: child.pid ?? 0,
        line: (pattern) => new Promise((resolve, reject) => {
          const look = (): void => {
            const found = lines.find((line) => pattern.test(line))
            if (found !== undefined) resolve(found)
          }
          looks.add(look)
          look()
          void ended.then(() => reject(new Error(`${program} ended before it printed ${String(pattern)}`)))
        })
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends.reverse()) await end()
    }
  }
}

/** Runs programs in a namespace. */
export function runIn (namespace: string): Run {
  const plain = programRunner(standaloneGuard)
  return (program, args, options) => plain('ip', ['netns', 'exec', namespace, program, ...args], options)
}

export function kernelIn (run: Run, sources: { readonly 4: string }): KernelBackEnd {
  return new KernelBackEnd({ run, clock: systemClock, clusterRanges: readServiceCidrs(['10.96.0.0/12']), markBit: 0x8000, hasSctp: false, sources })
}

/** Requests per second of 32 connections. */
export async function rateOf (lab: Lab, machine: string, url: string, kind: 'keep-alive' | 'new connections'): Promise<number> {
  const { out, err } = await lab.run(machine, 'wrk', '-t1', '-c32', '-d3s', ...(kind === 'keep-alive' ? [] : ['-H', 'Connection: close']), url)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1])
  if (!(rate > 0)) throw new Error(`wrk ${url}: ${out} ${err}`)
  return rate
}

export async function elapsedMs (act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** Small clients, each for `node -e`. */
export const clients = {
  /** Opens so many connections, and keeps them. */
  idle: `
    const [address, port, count] = process.argv.slice(1)
    let open = 0
    const next = () => {
      if (open === Number(count)) return console.log('open')
      require('node:net').connect(Number(port), address, () => { open++; next() })
    }
    next()
    setInterval(() => {}, 1e9)
  `,
  /** Registers an instance, asks the cluster IP until it answers, takes the instance away until it does not, and again. */
  reach: `
    const [registry, endpoint, address, count] = process.argv.slice(1)
    const path = registry + '/v1/namespaces/default/services/web/instances/'
    const ask = () => new Promise((resolve) => {
      const socket = require('node:net').connect({ host: address, port: 80 }, () => { socket.write('x') })
      socket.once('data', () => { socket.destroy(); resolve(true) })
      socket.once('error', () => resolve(false))
    })
    const main = async () => {
      const times = []
      for (let turn = 0; turn < Number(count); turn++) {
        const began = performance.now()
        const registered = fetch(path + 'i' + turn, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({
          address: endpoint, generation: '1', labels: { app: 'web' }, ports: [{ name: 'tcp', port: 8080 }] }) })
        while (!await ask()) await new Promise(setImmediate)
        times.push(performance.now() - began)
        await (await registered).text()
        await fetch(path + 'i' + turn, { method: 'DELETE' })
        while (await ask()) await new Promise(setImmediate)
      }
      console.log(JSON.stringify(times))
    }
    main()
  `,
  /** Connects every 10 ms; says the longest time without an answer when another machine has answered for a while. */
  gap: `
    const [address, port, other] = process.argv.slice(1)
    let [last, gap, others, count] = [performance.now(), 0, 0, 0]
    const timer = setInterval(() => {
      const socket = require('node:net').connect({ host: address, port: Number(port) }, () => socket.write('x'))
      socket.setTimeout(20000, () => socket.destroy())
      socket.once('data', (data) => {
        const now = performance.now()
        if (++count > 100) gap = Math.max(gap, now - last)
        if (count === 101) console.log('begun')
        last = now
        if (String(data).startsWith(other + ' ') && ++others === 300) { console.log('gap ' + Math.round(gap)); process.exit() }
        socket.destroy()
      })
      socket.on('error', () => {})
    }, 10)
  `
} as const
