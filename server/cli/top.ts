// rollcall top: what instances said last of their load, one by one or summed by service.
import type { LoadValue } from '../../client-sdk/src/wire.ts'
import { connectionFlags, namespaceFlag, type Command } from './command.ts'
import { UsageError } from './errors.ts'
import { outputOf, structured } from './output.ts'
import { Table, type Column } from './table.ts'

interface Loaded {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly at: string
  readonly load: Readonly<Record<string, LoadValue>>
}

interface Row {
  readonly namespace: string
  readonly name: string
  /** How many instances spoke. */
  readonly count: number
  readonly at: string
  readonly load: Readonly<Record<string, LoadValue>>
}

/** Columns of measures beside cpu and memory; the others are in `-o json`. */
const maxMeasures = 6

export const top: Command = {
  name: 'top',
  summary: 'Shows the loads that instances report',
  usage: 'top instances|services [SERVICE] [flags]',
  details: `What heartbeats said last, whichever node heard them: cpu in cores, memory in octets, any other measure as it was said; behind
it the percent of what may be used, if that was said. Of services: the sums. Instances that said nothing are left out.`,
  flags: {
    ...namespaceFlag,
    'all-namespaces': { type: 'boolean', short: 'A', what: 'All namespaces' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the registry\'s answer' },
    ...connectionFlags
  },
  examples: [
    ['top instances -n shop', 'every instance of the namespace'],
    ['top instances orders -n shop', 'those of one service'],
    ['top services -A', 'the sums of all services']
  ],
  run: async (call) => {
    const [what = '', service] = call.positionals.length > 1 ? call.arguments('instances|services', 'SERVICE') : call.arguments('instances|services')
    if (what !== 'instances' && what !== 'services') throw new UsageError(`top shows instances or services, not "${what}"`)
    const all = call.flag('all-namespaces')
    if (all && call.text('namespace') !== undefined) throw new UsageError('--namespace and --all-namespaces exclude each other')
    const form = outputOf(call, ['json', 'yaml'] as const)
    const api = await call.api()
    const { items } = await api.list<Loaded>('/v1/loads', { namespace: all ? undefined : call.namespace, service })
    const { terminal } = call
    if (form !== undefined) return terminal.out(await structured(items, form))
    const rows = what === 'instances' ? items.map((each): Row => ({ ...each, name: `${each.service}/${each.id}`, count: 1 })) : sums(items)
    if (rows.length === 0) return terminal.err('No instance has said anything of its load.')
    terminal.out(new Table(columns(rows, what === 'services', all, terminal.now), { wide: true, colours: terminal.colours }).lines(rows))
  }
}

function sums (items: readonly Loaded[]): Row[] {
  return [...Map.groupBy(items, ({ namespace, service }) => `${namespace}/${service}`).values()].map((of) => {
    const load: Record<string, LoadValue> = {}
    for (const [name, { value, capacity }] of of.flatMap((each) => Object.entries(each.load))) {
      const { value: before = 0, capacity: room } = load[name] ?? {}
      const together = capacity === undefined && room === undefined ? undefined : (room ?? 0) + (capacity ?? 0)
      load[name] = { value: before + value, ...(together === undefined ? {} : { capacity: together }) }
    }
    const { namespace = '', service = '' } = of[0] ?? {}
    return { namespace, name: service, count: of.length, at: of.reduce((newest, { at }) => (at > newest ? at : newest), ''), load }
  })
}

function columns (rows: readonly Row[], isOfServices: boolean, all: boolean, now: () => number): Column<Row>[] {
  const named = new Set(rows.flatMap(({ load }) => Object.keys(load)))
  const measures = ['cpu', 'memory', ...[...named].filter((name) => name !== 'cpu' && name !== 'memory').sort().slice(0, maxMeasures)].filter((name) => named.has(name))
  return [
    ...(all ? [{ title: 'NAMESPACE', value: ({ namespace }: Row) => namespace }] : []),
    { title: isOfServices ? 'SERVICE' : 'INSTANCE', value: ({ name }) => name },
    ...(isOfServices ? [{ title: 'INSTANCES', value: ({ count }: Row) => String(count) }] : []),
    ...measures.map((measure) => ({ title: measure.toUpperCase(), value: ({ load }: Row) => measureText(measure, load[measure]) })),
    { title: 'SAID', value: ({ at }) => `${Math.max(0, Math.round((now() - Date.parse(at)) / 1_000))}s ago` }
  ]
}

/** `250m (25%)`, `128Mi`, `1200` */
function measureText (name: string, said: LoadValue | undefined): string {
  if (said === undefined) return ''
  const { value, capacity } = said
  const text = name === 'cpu' ? `${Math.round(value * 1_000)}m` : name === 'memory' ? `${Math.round(value / 1_048_576)}Mi` : String(Number(value.toPrecision(6)))
  return capacity === undefined ? text : `${text} (${Math.trunc(100 * value / capacity)}%)`
}
