// Mutated valid bodies, parameters and paths for every route of the document.
import { components } from '../../../server/http/api/schemas.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, host, instancePath, many, namespaces, request, requestText, services } from './attack.ts'
import { hostileJson } from './json-mutants.ts'

interface Operation {
  readonly method: string
  readonly path: string
  readonly query: readonly string[]
  /** The named schema of its body. */
  readonly body: string | undefined
  readonly media: readonly string[]
}

let known: Promise<readonly Operation[]> | undefined

/** The routes, as the document has them. */
async function operationsOf (port: number): Promise<readonly Operation[]> {
  const answer = await fetch(`http://${host}:${port}/openapi.json`)
  const document = await answer.json() as { readonly paths: Readonly<Record<string, Readonly<Record<string, any>>>> }
  return Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]): Operation => {
    const content = Object.entries<any>(operation.requestBody?.content ?? {})
    return {
      method: method.toUpperCase(), path, media: content.map(([media]) => media),
      query: (operation.parameters ?? []).filter((each: any) => each.in === 'query').map((each: any) => String(each.name)),
      body: content[0]?.[1]?.schema?.$ref?.split('/').at(-1)
    }
  }))
}

const queryValues: readonly string[] = [
  '', '0', '-1', '1', '1000', '1e9', 'true', 'up', 'a=b', 'a in (b,c)', '!a', '*', 'honest', 'hostile-0', '10.0.0.1', '::1', 's1.honest.svc.cluster.local', 'A', 'ANY', 'toString', '%00', '%0a',
  '1s', '60s', 'e.1', '..', 'x'.repeat(500), '%f0%9f%98%80', 'W10', 'eyJhIjoxfQ'
]
const pathValues = ['..', '%2e%2e', '%00', '%ff', 'toString', '__proto__', 'A', 'a'.repeat(300), 'a%0ab', 'a/b', ''] as const

function pathOf (operation: Operation, random: Random): string {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_match, name: string) => {
    if (random.below(12) === 0) return random.one(pathValues)
    if (name === 'namespace') return random.one(namespaces)
    if (name === 'service') return random.one(services)
    return name === 'id' ? `i${random.below(20)}` : random.one(['1', 'instance/hostile-0/s0/i0', 'log/1', 'x'])
  })
  const given = operation.query.filter(() => random.below(4) === 0).map((name) => `${name}=${random.one(queryValues)}`)
  if (random.below(15) === 0) given.push(`${random.one(['__proto__', 'x', 'limit', 'toString'])}=1`)
  return given.length === 0 ? filled : `${filled}?${given.join('&')}`
}

/** In its own namespace: what a hostile body names is not what honest clients have. */
function bodyOf ({ body }: Operation, random: Random): string {
  const schema = body === undefined ? undefined : components.get(body) as { readonly examples?: readonly unknown[] } | undefined
  const example = JSON.stringify(schema?.examples?.[0] ?? { leases: [] }).replaceAll('"shop"', `"${random.one(namespaces)}"`)
  return hostileJson(JSON.parse(example), random)
}

async function everyRoute (strike: Strike): Promise<void> {
  const { random } = strike
  known ??= operationsOf(strike.target.http).catch((error: unknown) => {
    known = undefined
    throw error
  })
  const operations = (await known).filter(({ path }) => path !== '/v1/backup' || random.below(20) === 0)
  for (let count = many(strike, 30); count > 0 && !strike.signal.aborted; count--) {
    const operation = random.one(operations)
    const { method, media } = operation
    const hasBody = media.length > 0 || random.below(20) === 0
    const type = media.length > 0 && random.below(8) > 0 ? random.one(media) : random.one(['application/json', 'text/plain', 'multipart/form-data', 'application/yaml', ''])
    await request(strike, requestText(method, pathOf(operation, random), hasBody ? bodyOf(operation, random) : '', type), 2_000)
  }
}

async function lives (strike: Strike): Promise<void> {
  const { random } = strike
  const registration = components.get('Registration') as { readonly examples?: readonly object[] } | undefined
  for (let count = many(strike, 40); count > 0 && !strike.signal.aborted; count--) {
    const path = instancePath(strike)
    const body = { ...registration?.examples?.[0], metadata: { text: random.one(['x', '\u0001', '"']).repeat(random.below(16_000)) }, generation: `g${random.below(3)}` }
    await request(strike, requestText('PUT', path, JSON.stringify(body)))
    if (random.below(3) === 0) await request(strike, requestText('DELETE', path))
    if (random.below(3) === 0) await request(strike, requestText('PUT', `${path}/override`, JSON.stringify({ status: random.one(['draining', 'down']) })))
    if (random.below(3) === 0) await request(strike, requestText('PUT', `${path}/heartbeat`, JSON.stringify({ generation: `g${random.below(3)}`, namespace: 'honest' })))
  }
}

export const bodies: readonly Attack[] = [
  { name: 'bodies of every route', weight: 8, run: everyRoute },
  { name: 'lives of instances', weight: 2, run: lives }
]
