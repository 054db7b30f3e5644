// rollcall expose, label and explain: from instances to the services that have them.
import { serviceTypes } from '../../client-sdk/src/manifests.ts'
import { serviceLabel, type Instance, type InstancePatch, type Port, type ServiceExplanation, type ServiceSummary } from '../../client-sdk/src/wire.ts'
import type { Api } from './api.ts'
import { instancePath, orNothing, path } from './paths.ts'
import { connectionFlags, dryRunFlag, instanceName, label as labelName, namespaceFlag, type Command, type Invocation } from './command.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { orGone } from './gone.ts'
import { outputOf, structured } from './output.ts'
import { explanationColumns, labelsText, portsText } from './shapes.ts'
import { some } from './some.ts'
import { Table } from './table.ts'

const exposable = serviceTypes.filter((type) => type !== 'ExternalName')
const protocols = ['TCP', 'UDP', 'SCTP'] as const

export const expose: Command = {
  name: 'expose',
  summary: 'Declares a service over the instances of a name',
  usage: 'expose SERVICE --port PORT [flags]',
  details: `Selects the instances that registered as SERVICE, by the label ${serviceLabel} that each has; with --selector others.
A port keeps the name that the instances have for it, so that its SRV name goes on.`,
  flags: {
    port: { type: 'string', metavar: 'PORT', what: 'The port that callers use (with --headless default: all ports of the instances)' },
    headless: { type: 'boolean', what: 'Without a cluster IP: callers get the endpoints, as before' },
    'target-port': { type: 'string', metavar: 'PORT', what: 'The port of the instances, by number or name (default: the same number)' },
    type: { type: 'string', metavar: 'TYPE', what: `One of ${exposable.join(', ')} (default ClusterIP)` },
    protocol: { type: 'string', metavar: 'PROTOCOL', what: 'TCP, UDP or SCTP (default TCP)' },
    name: { type: 'string', metavar: 'NAME', what: 'The name of the new service (default: SERVICE)' },
    selector: { type: 'string', short: 'l', metavar: 'LABELS', what: 'The labels that an instance must have, like app=web,tier=front' },
    ...dryRunFlag,
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json, yaml or name: the result instead of a sentence' },
    ...connectionFlags
  },
  examples: [
    ['expose orders --headless', 'declared, and found by its endpoints as before'],
    ['expose orders --type NodePort --port 80 --target-port http', 'reachable at a port of every node'],
    ['expose orders --name web --selector app=webui --port 80', 'under another name, by labels'],
    ['expose orders --port 80 --dry-run', 'the manifest that would be applied']
  ],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE')
    const service = labelName('service', text)
    const name = labelName('--name', call.text('name') ?? service)
    const isHeadless = call.flag('headless')
    const asked: AskedPort = {
      port: call.read('port', readNumber), targetPort: call.read('target-port', readTarget), protocol: call.choice('protocol', protocols)
    }
    const type = call.choice('type', exposable)
    if (isHeadless && type !== undefined && type !== 'ClusterIP') throw new UsageError(`--headless and --type ${type} exclude each other`)
    if (asked.port === undefined && !isHeadless) throw new UsageError('--port is missing')
    if (asked.port === undefined && (asked.targetPort !== undefined || asked.protocol !== undefined)) {
      throw new UsageError('--target-port and --protocol are of --port, which is missing')
    }
    const selector = call.read('selector', readLabels)
    const form = outputOf(call, ['json', 'yaml', 'name'] as const)
    const api = await call.api()
    const summary = (of: string): Promise<ServiceSummary> => api.get<ServiceSummary>(path('namespaces', call.namespace, 'services', of))
    if (selector === undefined) await summary(service) // no instance of that name: most likely a typing error
    const there = await orNothing(summary(name))
    if (there?.manifest !== undefined) {
      throw new CommandError(`service ${name} is declared already: give the new one another --name, or change it with rollcall apply`, exitCodes.failure)
    }
    const own = await portsOf(api, call.namespace, service, selector)
    const ports = exposedPorts(asked, own)
    call.terminal.err(nobodyListens(ports, own))
    const manifest = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: call.namespace },
      spec: {
        type: type ?? 'ClusterIP', ...(isHeadless ? { clusterIP: 'None' } : {}), selector: selector ?? { [serviceLabel]: service }, ...(ports.length === 0 ? {} : { ports })
      }
    }
    const { applyText } = await import('./apply.ts') // the other commands of this file apply nothing
    await applyText(call, api, JSON.stringify(manifest), form)
  }
}

interface AskedPort {
  readonly port: number | undefined
  readonly targetPort: number | string | undefined
  readonly protocol: (typeof protocols)[number] | undefined
}

/** The ports of the instances that are meant, each name and number once. */
async function portsOf (api: Api, namespace: string, service: string, selector: Readonly<Record<string, string>> | undefined): Promise<readonly Port[]> {
  const query = selector === undefined ? { service } : { selector: labelsText(selector) }
  const list = await orNothing(api.list<Instance>('/v1/instances', { namespace, ...query }))
  return [...new Map((list?.items ?? []).flatMap(({ ports }) => ports).map((port) => [`${port.name} ${port.port} ${port.protocol}`, port])).values()]
}

/** The ports of the new service: the one that was asked for, or all that there are; each under the name that the instances have for it. */
function exposedPorts ({ port, targetPort, protocol = 'TCP' }: AskedPort, there: readonly Port[]): readonly ServicePortInput[] {
  if (port !== undefined) {
    const target = targetPort ?? port
    const meant = there.find((own) => own.protocol === protocol && own.name !== '' && (own.name === target || own.port === target))
    return [{ ...(meant === undefined ? {} : { name: meant.name }), port, targetPort: target, protocol }]
  }
  // Of a name that has several numbers, each instance's own is meant: the first is what stands in the manifest.
  const named = [...new Map(there.map((own) => [own.name === '' ? `${own.port} ${own.protocol}` : own.name, own])).values()]
  const unnamed = named.find(({ name }) => name === '')
  if (unnamed !== undefined && named.length > 1) {
    throw new CommandError(`port ${unnamed.port} of the instances has no name, which each of several ports of a service needs: give the one that is meant with --port`, exitCodes.failure)
  }
  return named.map((own) => ({ ...(own.name === '' ? {} : { name: own.name }), port: own.port, targetPort: own.name === '' ? own.port : own.name, protocol: own.protocol }))
}

/** Callers would be sent to a port where nobody listens. */
function nobodyListens (ports: readonly ServicePortInput[], there: readonly Port[]): readonly string[] {
  const missing = ports.filter(({ targetPort, protocol }) =>
    !there.some(({ name, port, protocol: own }) => own === protocol && (port === targetPort || name === targetPort)))
  return there.length === 0 ? [] : missing.map(({ targetPort, protocol }) =>
    `Warning: no instance says that it listens on ${protocol} port ${targetPort}: they have ${some(there.map((own) => portsText([own])))}; --target-port says which is meant`)
}

interface ServicePortInput {
  readonly name?: string
  readonly port: number
  readonly targetPort: number | string
  readonly protocol: string
}

function readNumber (text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new Error('must be a whole number 1-65535')
  return port
}

function readTarget (text: string): number | string {
  if (/^\d+$/.test(text)) return readNumber(text)
  if (!/^(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?$/.test(text)) throw new Error('must be a number 1-65535, or the name of a port: 1-15 of a-z, 0-9 and "-"')
  return text
}

/** Of a selector as a Service has it: labels that must be equal, nothing else. */
function readLabels (text: string): Record<string, string> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1 || /[!=\s]/.test(pair.slice(0, at) + pair.slice(at + 1))) throw new Error('must be KEY=VALUE pairs with commas between them')
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  refuseTwice(pairs, (key) => new Error(`must name ${key} once`))
  return Object.fromEntries(pairs)
}

/** `a=b a-` and `v=v1 v=v2` contradict themselves: the last word would win without anybody being told. */
function refuseTwice (pairs: readonly (readonly [string, unknown])[], error: (key: string) => Error): void {
  const twice = pairs.find(([key], index) => pairs.findIndex(([other]) => other === key) < index)
  if (twice !== undefined) throw error(twice[0])
}

export const label: Command = {
  name: 'label',
  summary: 'Changes labels of an instance: what selects it follows at once',
  usage: 'label SERVICE/ID KEY=VALUE... KEY-... [flags]',
  details: 'KEY- takes a label off. An instance that registers anew brings its own labels again.',
  flags: { ...namespaceFlag, ...connectionFlags },
  examples: [
    ['label orders/orders-1 tier=canary', 'sets a label'],
    ['label orders/orders-1 app- tier=front', 'takes one off and sets another']
  ],
  run: async (call) => {
    const [text, ...changes] = call.positionals
    if (text === undefined) throw new UsageError('SERVICE/ID is missing')
    const { service, id } = instanceName(text)
    if (changes.length === 0) throw new UsageError('the labels are missing: KEY=VALUE sets one, KEY- takes it off')
    const read = changes.map(readChange)
    refuseTwice(read,
      (key) => new UsageError(`the label ${key} is given twice: it can only be set to one value, or taken off`))
    const labels = Object.fromEntries(read)
    const instance = await (await call.api()).patch<Instance>(instancePath(call.namespace, service, id), { labels } satisfies InstancePatch)
    call.terminal.out(`${service}/${id} labeled: ${labelsText(instance.labels) || '<none>'}`)
  }
}

function readChange (text: string): [string, string | null] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  if (at === -1 && text.length > 1 && text.endsWith('-')) return [text.slice(0, -1), null]
  throw new UsageError(`a label is KEY=VALUE, or KEY- to take it off, got ${JSON.stringify(text)}`)
}

export const explain: Command = {
  name: 'explain',
  summary: 'Shows which services have an instance, or who answers a URL, and the rule that decided',
  usage: 'explain SERVICE/ID | route URL [flags]',
  details: `route URL: the rule of the ingresses that answers, its service and endpoints. It ends with 1 if the answer is an error of the ingress.`,
  flags: {
    ...namespaceFlag,
    method: { type: 'string', short: 'X', metavar: 'METHOD', what: 'route: the method of the request (default GET)' },
    header: { type: 'string', short: 'H', metavar: 'NAME: VALUE', multiple: true, what: 'route: a header of the request' },
    client: { type: 'string', metavar: 'ADDRESS', what: 'route: the address that the request comes from' },
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the registry\'s answer' },
    ...connectionFlags
  },
  examples: [
    ['explain orders/orders-1', 'why callers come to it, or do not'],
    ['explain route https://shop.example/cart', 'which ingress, service and endpoints answer']
  ],
  run: async (call: Invocation) => {
    if (call.positionals[0] === 'route') return (await import('../explain-route.ts')).explainRouteCommand(call)
    const [text = ''] = call.arguments('SERVICE/ID')
    const { service, id } = instanceName(text)
    const { terminal } = call
    const form = outputOf(call, ['json', 'yaml'] as const)
    const api = await call.api()
    const place = { namespace: call.namespace, service, id }
    const rows = await orGone(api, place, terminal.now,
      api.get<readonly ServiceExplanation[]>(instancePath(place.namespace, service, id, 'explain')))
    if (form !== undefined) {
      terminal.out(await structured(rows, form))
      return exitCodes.ok
    }
    terminal.out(new Table(explanationColumns, { wide: false, colours: terminal.colours }).lines(rows))
    for (const [reason, alike] of Map.groupBy(rows.filter(({ dns }) => dns !== undefined), ({ dns }) => dns?.reason ?? '')) {
      const what = alike[0]?.dns?.answer === 'cluster-ip' ? 'the cluster IP' : 'the endpoints'
      terminal.out(`DNS answers ${what} of ${some(alike.map((row) => row.service))} here: ${reason}`)
    }
    for (const { service, warnings = [] } of rows) {
      for (const warning of warnings) terminal.err(`Warning: service ${service}: ${warning}`)
    }
    return exitCodes.ok
  }
}
