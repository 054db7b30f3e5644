// Runs commands against the SDK's registry in memory, with a terminal that remembers.
import { createTestClock, createTestRegistry, type TestClock, type TestRegistry } from '../../client-sdk/src/testing.ts'
import type { Event, Instance } from '../../client-sdk/src/wire.ts'
import { run } from '../../server/cli/run.ts'
import type { Terminal } from '../../server/cli/terminal.ts'

export interface Ran {
  readonly exitCode: number
  readonly out: string[]
  readonly err: string[]
}

export interface Shell {
  readonly registry: TestRegistry
  /** Of the SDK inside the commands: heartbeats and pauses wait for it. */
  readonly clock: TestClock
  /** Path and body of what the commands sent beyond the registry's own routes. */
  readonly sent: { method: string, path: string, body: unknown }[]
  events: Event[]
  /** Files that only their owner may read. */
  readonly kept: Map<string, { readonly text: string, readonly mode: number }>
  /** Runs `rollcall ...` to its end. */
  readonly rollcall: (...argv: string[]) => Promise<Ran>
  /** Begins a command that stays. */
  readonly begin: (...argv: string[]) => Staying
}

export interface Staying {
  /** Resolves when a line of either stream matches. */
  line (pattern: RegExp): Promise<string>
  /** As Ctrl-C does. */
  interrupt (): Promise<Ran>
  /** Resolves when it ends by itself. */
  readonly ended: Promise<Ran>
}

export const now = Date.parse('2026-11-20T12:00:00Z')
const minutesAgo = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()

export interface ShellOptions {
  readonly env?: Record<string, string>
  readonly files?: Readonly<Record<string, string>>
  readonly colours?: boolean
}

/** A registry with three copies of orders, one of them suspect and one draining, and one payments in another namespace. */
export function filledShell (options: ShellOptions = {}): Shell {
  const shell = createShell(options)
  const { registry } = shell
  const labels = { version: 'v1' }
  registry.register('default', 'orders', 'orders-1', { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }], labels, zone: 'a', version: '1.2.3' })
  registry.register('default', 'orders', 'orders-2', { address: '2001:db8::2', ports: [{ name: 'http', port: 8080 }, { port: 53, protocol: 'UDP' }] })
  registry.register('default', 'orders', 'orders-3', { address: '10.0.0.3', status: 'draining' })
  registry.register('shop', 'payments', 'p-1', { address: '10.0.0.9', ports: [{ port: 443 }] })
  registry.suspect({ namespace: 'default', service: 'orders', id: 'orders-2' })
  return shell
}

export function createShell ({ env = {}, files = {}, colours = false }: ShellOptions = {}): Shell {
  const registry = createTestRegistry({ clock: fixedClock })
  const clock = createTestClock()
  const sent: Shell['sent'] = []
  const shell: Shell = {
    registry,
    clock,
    sent,
    events: [],
    kept: new Map(),
    rollcall: async (...argv) => {
      const { terminal, lines } = record(new AbortController().signal)
      return { exitCode: await run(argv, terminal), ...lines }
    },
    begin: (...argv) => {
      const controller = new AbortController()
      const { terminal, lines, arrived } = record(controller.signal)
      const ended = run(argv, terminal).then((exitCode) => ({ exitCode, ...lines }))
      return {
        ended,
        line: async (pattern) => {
          for (;;) {
            const found = [...lines.out, ...lines.err].find((line) => pattern.test(line))
            if (found !== undefined) return found
            await arrived()
          }
        },
        interrupt: async () => {
          controller.abort()
          return await ended
        }
      }
    }
  }

  function record (signal: AbortSignal): { terminal: Terminal, lines: { out: string[], err: string[] }, arrived: () => Promise<void> } {
    const lines = { out: [] as string[], err: [] as string[] }
    let wake: (() => void) | undefined
    const add = (list: string[]) => (text: string): void => {
      list.push(...text.split('\n'))
      wake?.()
    }
    const terminal: Terminal = {
      env,
      hostname: 'machine',
      user: 'ann',
      colours,
      now: () => now,
      signal,
      readFile: (path) => {
        const text = files[path]
        if (text === undefined) throw new Error(`ENOENT: ${path}`)
        return text
      },
      privateFile: { read: (path) => shell.kept.get(path), write: (path, text) => { shell.kept.set(path, { text, mode: 0o100600 }) } },
      readDirectory: (path) => {
        const names = Object.keys(files).filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1))
        return names.length === 0 ? undefined : names
      },
      readInput: async () => files['-'] ?? '',
      network: { fetch, WebSocket: registry.WebSocket, clock },
      out: add(lines.out),
      err: add(lines.err)
    }
    return { terminal, lines, arrived: () => new Promise((resolve) => { wake = resolve }) }
  }

  /** The registry in memory has the routes that the SDK uses; the commands use three more. */
  const fetch: TestRegistry['fetch'] = async (url, init) => {
    const { pathname, searchParams } = new URL(url)
    const answer = (body: unknown): Awaited<ReturnType<TestRegistry['fetch']>> => ({ status: 200, headers: new Headers(), text: async () => JSON.stringify(body) })
    const body: unknown = init.body === undefined ? undefined : JSON.parse(init.body)
    const [, namespace = '', service = '', id = '', what] = /^\/v1\/namespaces\/([^/]+)\/services\/([^/]+)\/instances\/([^/]+)\/(override|heartbeat)$/.exec(pathname) ?? []
    if (pathname === '/v1/events') {
      const wanted = searchParams.get('id')
      return answer({ revision: registry.revision, items: shell.events.filter((event) => wanted === null || event.id === wanted) })
    }
    if (what === undefined) return await registry.fetch(url, init)
    sent.push({ method: init.method, path: pathname, body })
    // Not known: the registry's own answer is the right one.
    const path = url.replace(/\/(override|heartbeat)(?=\?|$)/, '')
    const known = await registry.fetch(path, { method: 'GET', headers: init.headers, signal: init.signal })
    if (known.status !== 200) return known
    if (what === 'heartbeat') return answer({ renewed: 1, unknown: [], superseded: [], stored: true })
    const override = init.method === 'PUT' ? body as { status: 'draining' | 'down' } : undefined
    registry.override({ namespace, service, id }, override)
    const instance = registry.instances.find((each) => each.id === id) as Instance // known, as has just been seen
    return answer(init.method === 'PUT' ? { ...instance, override: body } : undefined)
  }

  return shell
}

/** Everything happens five minutes ago; timers are the system's. */
const fixedClock = {
  now: () => Date.parse(minutesAgo(5)),
  setTimeout: globalThis.setTimeout,
  clearTimeout: (timer: unknown) => { clearTimeout(timer as NodeJS.Timeout) }
}
