// Every input of every route: what its schema does not allow is refused, alone and together with unknown parameters and
// fields. The routes are those of the document, and the document has all of them: a new route is tried here without
// anybody's doing, and a parameter that is read by hand must say below what is wrong for it.
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { DeletedNames, clientFrames, components } from '../../server/http/api/schemas.ts'
import { maxFrameBytes } from '../../server/http/server/limits.ts'
import { manifestShapes } from '../../server/model/service/schema.ts'
import { breakages, broken, brokenOnes, define, type Schema } from '../model/schema-values.ts'
import { buildWithDns, type HttpWorld } from '../support/world.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly schema: Schema
}

interface Operation {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** The named schema of its JSON body. */
  readonly body: string | undefined
}

/** What is wrong for a parameter whose schema says only that it is a text. */
const wrongTexts: Readonly<Record<string, readonly string[]>> = {
  selector: ['a in (', '=', 'a b', '!', 'a=b=c', 'x'.repeat(4_097)],
  minRevision: ['latest', '-1', '1.2.3', '1\n', ''],
  key: ['x'.repeat(4_097)],
  after: ['latest', '-1', '1\n'],
  since: ['latest', '-1', '1\n'],
  revision: ['latest', '-1', '1\n'],
  cursor: ['###', '-1', '1\n', '', Buffer.from('["Shop","",""]').toString('base64url'), Buffer.from('["shop","a"]').toString('base64url')],
  status: ['dead', 'up,', '', 'toString', 'up\n'],
  address: ['x', '10.0.0.256', '10.0.0.1\n', ''],
  generation: ['a b', 'a\n', 'x'.repeat(65), ''],
  name: ['a..b', 'x'.repeat(64), 'a b', 'a\n'],
  type: ['NOPE', 'A\n', 'toString', ''],
  client: ['x', '10.0.0.1\n', ''],
  dns: ['!!', 'a', 'AAAA\n', '', 'AAAA='],
  wait: ['61s', '30', '1h', '-1s', '1s\n', ''],
  limit: ['-1', '0', '1001', '1.5', '1e2', 'ten', '', '1\n', '9999999999999999']
}
/** What stands for a parameter that is needed, or may be given. */
const rightTexts: Readonly<Record<string, string>> = { namespace: 'shop', service: 'orders', id: 'orders-1', revision: '1', name: 'orders.shop.svc.cluster.local', key: 'instance/shop/orders/orders-1', dns: 'AAABAAABAAAAAAAAAAABAAE' }
/** Bytes: RFC 8484 lets the query hold parameters that are not ours. */
const openQueries = new Set(['queryDns', 'postDnsQuery'])
const manifestKinds: Readonly<Record<string, keyof typeof manifestShapes>> = {
  putService: 'Service', putNamespace: 'Namespace', putPolicy: 'Policy',
  putIngress: 'Ingress', putIngressClass: 'IngressClass', putSecret: 'Secret', putHorizontalPodAutoscaler: 'HorizontalPodAutoscaler'
}
const runs = { numRuns: 40 }

const reserved = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

function wrongFor ({ name, schema }: Parameter): readonly string[] {
  // What is wrong of one name is right of another: a label is shorter than a name of Kubernetes.
  const found = (wrongTexts[name] ?? []).filter((text) => name !== 'name' || !new RegExp(schema.pattern ?? '^(?!)', 'u').test(text))
  if (schema.enum !== undefined) found.push('toString', '__proto__', '', 'no such')
  if (schema.type === 'boolean') found.push('maybe', '1', 'TRUE', 'null')
  if (schema.pattern !== undefined) found.push(...['x\n', 'x y', 'X'.repeat(300), '\u0000', 'a/b', '-'].filter((text) => !new RegExp(schema.pattern ?? '', 'u').test(text)))
  if (found.length === 0) throw new Error(`say in wrongTexts what is wrong for the parameter ${name}`)
  return found
}

async function operationsOf ({ send }: HttpWorld): Promise<Operation[]> {
  const document = (await send('GET', '/openapi.json')).json()
  return Object.entries<any>(document.paths).flatMap(([path, item]) => Object.entries<any>(item).map(([method, operation]): Operation => ({
    name: operation.operationId,
    method: method.toUpperCase(),
    path,
    parameters: operation.parameters ?? [],
    body: operation.requestBody?.content['application/json']?.schema.$ref?.split('/').at(-1)
  })))
}

function urlOf (operation: Operation, given: Readonly<Record<string, string>>, more: readonly (readonly [string, string])[] = []): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(given[name] ?? rightTexts[name] ?? ''))
  const query = operation.parameters.filter((parameter) => parameter.in === 'query' && (Object.hasOwn(given, parameter.name) || (parameter as { required?: boolean }).required === true))
  const pairs = [...query.map(({ name }) => [name, given[name] ?? rightTexts[name] ?? ''] as const), ...more]
  return pairs.length === 0 ? path : `${path}?${pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')}`
}

const surplus = fc.integer({ min: 1, max: 50 }).chain((count) => fc.subarray(reserved, { minLength: 0 }).map((names) =>
  [...names, ...Array.from({ length: count }, (_, index) => `x${index}`)].map((name) => [name, '1'] as const)))

/** Why an answer is no refusal. */
function wrongWith (answer: LightMyRequestResponse): string | undefined {
  if (![400, 413, 414, 422].includes(answer.statusCode)) return `${answer.statusCode} ${answer.body.slice(0, 200)}`
  if (answer.headers['content-type']?.startsWith('application/problem+json') !== true) return 'no problem'
  if (answer.rawPayload.length > 64 * 1024) return `${answer.rawPayload.length} octets`
  const { errors, code, moreErrors = 0 } = answer.json()
  if (code === 'REG_BODY_TOO_LARGE' || code === 'REG_URI_TOO_LONG') return undefined
  if (errors === undefined || errors.length < 1 || errors.length > 20 || (moreErrors > 0 && errors.length < 20)) return `errors: ${JSON.stringify(errors)}`
  return undefined
}

function requireRefusal (answer: LightMyRequestResponse, says: string): void {
  const why = wrongWith(answer)
  if (why !== undefined) throw new Error(`${says}: ${why}`)
}

t.test('every input of every route', async (t) => {
  const world = await buildWithDns(t)
  const { send, app, registry, log } = world
  const operations = await operationsOf(world)
  await world.register('shop/orders/orders-1')
  const { revision } = registry.feed
  const example = (schema: string): object => (components.get(schema) as { examples?: readonly object[] } | undefined)?.examples?.[0] ?? {}
  const bodyOf = ({ body }: Operation): unknown => (body === undefined ? undefined : example(body))

  t.test('the document has all of the routes', async (t) => {
    const listed = app.printRoutes({ commonPrefix: false }).split('\n').filter((line) => !/static|swagger|docs|──\s(?:\*|\/|json|yaml) \(/.test(line))
    const routes = listed.flatMap((line) => /\(([A-Z, ]+)\)/.exec(line)?.[1]?.split(', ') ?? []).filter((method) => method !== 'HEAD')
    t.strictSame(routes.sort(), operations.map(({ method }) => method).sort())
  })

  for (const [type, schema] of Object.entries(clientFrames)) {
    t.test(`frame ${type}: broken parts are answered with an error, alone and among unknown fields`, async () => {
      const socket = await world.connect()
      const fits = ({ value }: { readonly value: unknown }): boolean => JSON.stringify(value).length < maxFrameBytes // longer ones end the socket
      await fc.assert(fc.asyncProperty(brokenOnes(schema as Schema, { unknown: { min: 0, max: 50 } }).filter(fits), async ({ value, says }) => {
        socket.send(JSON.stringify(value))
        const frame = await socket.next()
        if (frame.type !== 'error' || frame.errors.length < 1 || frame.errors.length > 20) throw new Error(`${says}: ${JSON.stringify(frame).slice(0, 300)}`)
      }), { numRuns: 100 })
      socket.socket.terminate()
      await socket.closed
    })
  }

  // A stream that opens where it should be refused does not end: last.
  for (const operation of operations.sort((a, b) => Number(a.name === 'watch') - Number(b.name === 'watch'))) {
    const { name, method, parameters, body } = operation
    if (!openQueries.has(name)) {
      t.test(`${name}: unknown parameters are refused`, async () => {
        for (const known of reserved) requireRefusal(await send(method, urlOf(operation, {}, [[known, '1']]), bodyOf(operation)), known)
        await fc.assert(fc.asyncProperty(surplus, async (more) => requireRefusal(await send(method, urlOf(operation, {}, more), bodyOf(operation)), more.join('&'))), runs)
      })
    }
    for (const parameter of parameters) {
      t.test(`${name}: a wrong ${parameter.name} is refused, alone and among unknown parameters`, async () => {
        const isStream = name === 'watch'
        const headers = isStream ? { accept: 'text/event-stream' } : undefined
        for (const wrong of wrongFor(parameter)) {
          requireRefusal(await send(method, urlOf(operation, { [parameter.name]: wrong }), bodyOf(operation), headers), JSON.stringify(wrong))
        }
        await fc.assert(fc.asyncProperty(fc.constantFrom(...wrongFor(parameter)), surplus, async (wrong, more) => {
          requireRefusal(await send(method, urlOf(operation, { [parameter.name]: wrong }, more), bodyOf(operation), headers), JSON.stringify(wrong))
        }), runs)
      })
    }
    if (body === undefined && method === 'DELETE') {
      t.test(`${name}: a body is refused`, async () => requireRefusal(await send(method, urlOf(operation, {}), { generation: 'other' }), 'a body'))
    }
    if (body !== undefined && ['Registration', 'InstancePatch', 'OverrideBody', 'HeartbeatBatch', 'HeartbeatBody', 'NewToken'].includes(body)) {
      t.test(`${name}: a body with broken parts is refused, alone and among unknown fields`, async () => {
        const schema = components.get(body) as Schema
        await fc.assert(fc.asyncProperty(brokenOnes(schema, { unknown: { min: 0, max: 50 } }), async ({ value, says }) => {
          requireRefusal(await send(method, urlOf(operation, {}), JSON.stringify(value)), says)
        }), { numRuns: 100 })
      })
    } else if (body !== undefined) {
      t.test(`${name}: a manifest with broken parts is refused, alone and among unknown fields`, async () => {
        const kinds = manifestKinds[name] === undefined ? name === 'apply' ? Object.keys(manifestShapes) as (keyof typeof manifestShapes)[] : [] : [manifestKinds[name]]
        if (kinds.length === 0) {
          if (name !== 'delete') throw new Error(`say what the body of ${name} is`)
          await fc.assert(fc.asyncProperty(brokenOnes(DeletedNames as Schema, { unknown: { min: 0, max: 50 } }), async ({ value, says }) => {
            requireRefusal(await send(method, urlOf(operation, {}), JSON.stringify(value)), says)
          }), runs)
        }
        for (const kind of kinds) {
          const valid = { ...example(kind), metadata: { ...(example(kind) as { metadata: object }).metadata } }
          const parts = breakages(manifestShapes[kind] as Schema, valid).filter(({ put }) => !JSON.stringify(put ?? {}).includes('null')) // an absent field
          await fc.assert(fc.asyncProperty(fc.subarray(parts, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 50 }), async (some, count) => {
            const value = broken(valid, some)
            if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (let index = 0; index < count; index++) define(value, `x${index}`, index)
            requireRefusal(await send(method, urlOf(operation, {}), JSON.stringify(value)), some.map(({ path, says }) => `${path.join('.')} ${says}`).join('; '))
          }), runs)
        }
      })
    }
  }

  t.test('nothing changed, and nothing was unexpected', async (t) => {
    t.equal(registry.feed.revision, revision)
    t.strictSame(log.filter(({ level }) => level === 'error'), [])
  })
})
