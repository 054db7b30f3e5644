// The commands, run in this process against the node's real address.
import { run } from '../../../server/cli/run.ts'
import type { Terminal } from '../../../server/cli/terminal.ts'
import type { Comparison } from './comparison.ts'
import type { Model } from './model.ts'
import { type ModelEndpoint, servicesOf } from './model-endpoints.ts'
import { meantSummary, summary } from './rest-surface.ts'
import { saidEndpoint, saidInstance, saidManifest } from './shapes.ts'

const surface = 'cli'

export interface Ran {
  readonly exitCode: number
  readonly out: string
  readonly err: string
}

/** @param input what standard input gives */
export async function rollcall (url: string, argv: readonly string[], input = ''): Promise<Ran> {
  const lines = { out: [] as string[], err: [] as string[] }
  const terminal: Terminal = {
    env: { ROLLCALL_ADDRESS: url },
    hostname: 'machine',
    user: 'ann',
    colours: false,
    now: () => 0,
    signal: new AbortController().signal,
    readFile: (path) => { throw new Error(`ENOENT: ${path}`) },
    readDirectory: () => undefined,
    readInput: async () => input,
    out: (text) => { lines.out.push(text) },
    err: (text) => { lines.err.push(text) }
  }
  const exitCode = await run(argv, terminal)
  return { exitCode, out: lines.out.join('\n'), err: lines.err.join('\n') }
}

export async function lookAtCli (url: string, model: Model, comparison: Comparison): Promise<void> {
  const json = async (...argv: string[]): Promise<any> => {
    const { out, err } = await rollcall(url, [...argv, '-o', 'json'])
    return out.startsWith('{') ? JSON.parse(out) : { items: [], err }
  }
  const { items } = await json('get', 'instances', '-A')
  comparison.same(surface, 'get instances -A', items.map(saidInstance), model.list())
  const services = servicesOf(model)
  comparison.same(
    surface, 'get services -A', (await json('get', 'services', '-A')).items.map(summary), services.map(meantSummary)
  )
  const table = await rollcall(url, ['get', 'services', '-A'])
  const counts = services.map(
    ({ namespace, name, all }) => [
      namespace, name, `${all.filter(({ conditions }) => conditions.ready).length}/${all.length}`
    ]
  )
  comparison.same(surface, 'get services -A as a table', columns(table.out), counts)
  for (const { namespace, name, manifest, all, answered } of services) {
    const of = ['-n', namespace]
    const listed = await json('get', 'endpoints', name, ...of, '--ready', 'any')
    comparison.same(surface, `get endpoints ${namespace}/${name}`, listed.endpoints?.map(saidEndpoint), all)
    const resolved = await rollcall(url, ['resolve', name, ...of])
    comparison.same(surface, `exit code of resolve ${namespace}/${name}`, resolved.exitCode, answered.length > 0 ? 0 : 1)
    comparison.sameSet(surface, `resolve ${namespace}/${name}`, lines(resolved.out), answered.flatMap(addressLines))
    if (manifest !== undefined) {
      const shown = await json('get', 'service', name, ...of)
      comparison.same(surface, `manifest of ${namespace}/${name}`, saidManifest(shown.manifest), saidManifest(manifest))
    }
    const isRegistered = manifest === undefined || all.every(({ service }) => service !== undefined)
    if (!isRegistered) continue
    const named = await rollcall(url, ['get', 'endpoints', name, ...of, '--ready', 'any', '-o', 'name'])
    const names = all.map(({ service = name, id }) => `${service}/${id}`)
    comparison.sameSet(surface, `get endpoints ${namespace}/${name} -o name`, lines(named.out), names)
  }
}

function lines (text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function addressLines ({ address, ports }: ModelEndpoint): string[] {
  const host = address.includes(':') ? `[${address}]` : address
  return ports.length === 0 ? [host] : ports.map(({ port }) => `${host}:${port}`)
}

/** NAMESPACE, NAME and READY of each row. */
function columns (text: string): string[][] {
  const [head = '', ...rows] = lines(text)
  const starts = ['NAMESPACE', 'NAME ', 'READY'].map(
    (title) => (title === 'NAME ' ? head.indexOf(' NAME ') + 1 : head.indexOf(title))
  )
  return rows.map((line) => starts.map((start) => /^\S+/.exec(line.slice(start))?.[0] ?? ''))
}
