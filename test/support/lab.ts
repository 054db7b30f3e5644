// A network of machines in namespaces of their own: a bridge, and for each machine an interface on it. Only root may make
// one. Nothing of the lab reaches the machine that the tests run on.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Closable } from './closable.ts'
import { type Child, runChild } from './processes.ts'
import { lacking, programPath } from './programs.ts'

/** Why tests with a lab do not run here; false if they do. */
export const noLab = process.getuid?.() === 0 ? lacking('ip', 'nft', 'curl') : 'namespaces need root'

/** What a machine answers with over TCP (one line, then the end) and UDP: its name, and whom it sees as the client. */
const answering = `
  const [name] = process.argv.slice(1)
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(name + ' ' + socket.remoteAddress.replace('::ffff:', '') + '\\n'))
  }).listen(8080, '::')
  const udp = require('node:dgram').createSocket('udp4')
  udp.on('message', (message, from) => udp.send(name + ' ' + from.address, from.port, from.address))
  udp.bind(8053, '0.0.0.0', () => console.log('answering'))
`

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

let labs = 0

export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'rollcall-lab-'))
  /** Names of namespaces are shared by all that runs on this machine. */
  readonly #prefix = `rc${process.pid}-${++labs}`
  readonly #machines = new Map<string, string>()

  /** @param machines name -> IPv4 address in 10.77.0.0/24; IPv6 is fd77:: with the same last number */
  static async start (t: Closable, machines: Readonly<Record<string, string>>): Promise<Lab> {
    const lab = new Lab()
    t.teardown(() => lab.#end())
    await lab.#make(machines)
    return lab
  }

  namespace (machine: string): string {
    return `${this.#prefix}-${machine}`
  }

  address (machine: string): string {
    return this.#machines.get(machine) ?? ''
  }

  /** Its IPv6 address. */
  address6 (machine: string): string {
    return `fd77::${this.address(machine).split('.')[3]}`
  }

  /** Takes the cable of a machine out of the bridge, or puts it back. */
  async plug (machine: string, isIn: boolean): Promise<void> {
    await must('ip', '-n', this.namespace('hub'), 'link', 'set', `v-${machine}`, isIn ? 'up' : 'down')
  }

  /** Runs a program on a machine to its end. Never rejects. */
  run (machine: string, program: string, ...args: readonly string[]): Promise<Ran> {
    return ran('ip', ['netns', 'exec', this.namespace(machine), programPath(program) ?? program, ...args])
  }

  /** Starts a Node program on a machine; the lab ends it. */
  start (t: Closable, machine: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Child {
    const child = runChild(args, environment, undefined, ['ip', 'netns', 'exec', this.namespace(machine)])
    t.teardown(async () => {
      child.process.kill('SIGKILL')
      await child.ended
    })
    return child
  }

  /** Starts what answers on port 8080 (TCP) and 8053 (UDP) of a machine. */
  async answer (t: Closable, machine: string): Promise<Child> {
    const child = this.start(t, machine, ['-e', answering, machine])
    await child.line(/answering/)
    return child
  }

  /** One connection from a machine: what it was told, or the error of the system. */
  async ask (machine: string, address: string, port: number): Promise<string> {
    const host = address.includes(':') ? `[${address}]` : address
    const { code, out, err } = await this.run(machine, 'curl', '-sS', '--http0.9', '-m', '3', `http://${host}:${port}/`)
    return code === 0 ? out.trim() : code === 7 ? 'refused' : code === 28 ? 'silence' : err.trim()
  }

  async #make (machines: Readonly<Record<string, string>>): Promise<void> {
    const hub = this.namespace('hub')
    await must('ip', 'netns', 'add', hub)
    await must('ip', '-n', hub, 'link', 'add', 'br0', 'type', 'bridge')
    await must('ip', '-n', hub, 'link', 'set', 'br0', 'up')
    for (const [machine, address] of Object.entries(machines)) {
      this.#machines.set(machine, address)
      const name = this.namespace(machine)
      await must('ip', 'netns', 'add', name)
      await must('ip', '-n', hub, 'link', 'add', `v-${machine}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
      await must('ip', '-n', hub, 'link', 'set', `v-${machine}`, 'master', 'br0', 'up')
      await must('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
      await must('ip', '-n', name, 'addr', 'add', `${this.address6(machine)}/64`, 'dev', 'eth0', 'nodad')
      await must('ip', '-n', name, 'link', 'set', 'eth0', 'up')
      await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
      await must('ip', 'netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')
    }
  }

  async #end (): Promise<void> {
    for (const name of [...this.#machines.keys(), 'hub']) await ran('ip', ['netns', 'del', this.namespace(name)])
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function ran (program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(programPath(program) ?? program, args, { timeout: 30_000, env: { ...process.env, LC_ALL: 'C' } }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err })
    })
  })
}

async function must (program: string, ...args: readonly string[]): Promise<void> {
  const { code, err } = await ran(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${err.trim()}`)
}
