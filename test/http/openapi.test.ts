import { Compile } from 'typebox/compile'
import t from 'tap'
import { errorCatalogue } from '../../server/errors.ts'
import { build, pathOf } from '../support/world.ts'

const webui = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'webui' }, spec: { selector: { app: 'webui' }, ports: [{ name: 'http', port: 80 }] } }
const methods = ['get', 'put', 'post', 'patch', 'delete'] as const

/** A schema with its references in place: none of ours is recursive. */
function inlined (schema: any, document: any): any {
  if (Array.isArray(schema)) return schema.map((part) => inlined(part, document))
  if (typeof schema !== 'object' || schema === null) return schema
  if (typeof schema.$ref === 'string') {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(schema.$ref)?.[1]
    const found = name === undefined ? undefined : document.components.schemas[name]
    if (found === undefined) throw new Error(`nothing is at ${schema.$ref}`)
    return inlined(found, document)
  }
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, key === 'example' || key === 'examples' ? part : inlined(part, document)]))
}

function operations (document: any): { path: string, method: string, operation: any }[] {
  return Object.entries<any>(document.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method] !== undefined).map((method) => ({ path, method, operation: item[method] })))
}

t.test('the document is OpenAPI 3.1 and every part of it is in place', async (t) => {
  const { send } = await build(t)
  const document = (await send('GET', '/openapi.json')).json()
  t.equal(document.openapi, '3.1.0')
  t.match(document.info, { title: 'Rollcall', version: '0.0.0-test' })
  t.notOk(/"keyRule":|"optionalBody"|"maxMs"|"nullable"|"\$id"/.test(JSON.stringify(document)), 'no word of ours or of another version is left')
  const tags = new Set(document.tags.map(({ name }: any) => name))
  const ids = new Set<string>()
  for (const { path, method, operation } of operations(document)) {
    const name = `${method} ${path}`
    t.notOk(ids.has(operation.operationId), `${name} has an id of its own`)
    ids.add(operation.operationId)
    t.ok(operation.summary, `${name} has a summary`)
    t.ok(operation.tags.length > 0 && operation.tags.every((tag: string) => tags.has(tag)), `${name} has known tags`)
    const declared = (operation.parameters ?? []).filter((parameter: any) => parameter.in === 'path').map((parameter: any) => parameter.name).sort()
    t.strictSame(declared, [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter).sort(), `${name} declares its path parameters`)
    for (const parameter of operation.parameters ?? []) t.doesNotThrow(() => Compile(inlined(parameter.schema, document)))
    t.ok(Object.keys(operation.responses).some((status) => status < '400'), `${name} can succeed`)
    t.ok(Object.keys(operation.responses).some((status) => status >= '400'), `${name} can fail`)
    for (const [status, response] of Object.entries<any>(operation.responses)) {
      t.ok(response.description, `${name} ${status} has a description`)
      for (const [media, { schema, example }] of Object.entries<any>(response.content ?? {})) {
        t.not(example, undefined, `${name} ${status} has an example`)
        const check = Compile(inlined(schema, document))
        t.ok(check.Check(example), `${name} ${status} ${media}: its example fits: ${JSON.stringify(check.Errors(example)).slice(0, 300)}`)
        t.ok(status < '400' || (status === '503' && path === '/readyz') || media === 'application/problem+json', `${name} ${status} is a problem`)
      }
    }
    for (const { schema, example } of Object.values<any>(operation.requestBody?.content ?? {})) {
      const body = inlined(schema, document)
      const check = Compile(body)
      const examples = body.examples ?? (example === undefined ? [] : [example]) // of a schema without a name the plugin takes it out
      t.ok(examples.length > 0, `${name} has an example of its body`)
      for (const each of examples) t.ok(check.Check(each))
    }
  }
})

t.test('every route is in the document, with its methods', async (t) => {
  const { app, send } = await build(t)
  const document = (await send('GET', '/openapi.json')).json()
  const routes = routesOf(app.printRoutes({ commonPrefix: false }))
  t.ok(routes.length > 20)
  const listed = operations(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort()
  t.strictSame(listed, routes.filter((route) => !route.includes(' /docs')).sort())
})

t.test('bodies that may be empty are said to be, and patches may be of either type', async (t) => {
  const { send } = await build(t)
  const { paths } = (await send('GET', '/openapi.json')).json()
  const instance = '/v1/namespaces/{namespace}/services/{service}/instances/{id}'
  t.equal(paths[`${instance}/heartbeat`].put.requestBody.required, false)
  t.equal(paths[instance].put.requestBody.required, true)
  t.equal(paths['/v1/namespaces/{namespace}'].put.requestBody.required, false)
  t.equal(paths['/v1/namespaces/{namespace}/services/{service}'].put.requestBody.required, true)
  t.strictSame(Object.keys(paths['/v1/apply'].post.requestBody.content), ['application/json', 'application/yaml', 'text/yaml'])
  t.strictSame(Object.keys(paths[instance].patch.requestBody.content).sort(), ['application/json', 'application/merge-patch+json'])
  t.strictSame(Object.keys(paths['/dns-query'].post.requestBody.content), ['application/dns-message'])
})

t.test('answers fit the document', async (t) => {
  const { send } = await build(t)
  const document = (await send('GET', '/openapi.json')).json()
  const orders = pathOf('shop/orders/a')
  const expressions = operations(document).map(({ path, method, operation }) => ({ method, operation, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`) }))
  for (const [method, url, body, headers] of [
    ['PUT', orders, { address: '2001:DB8::1', ports: [{ name: 'http', port: 80 }], zone: 'a', version: '1', hostname: 'a', lease: { ttlMs: 5_000 } }], ['PUT', orders, {}], ['PATCH', orders, { status: 'warning' }],
    ['GET', orders], ['POST', '/v1/heartbeats', { leases: [{ namespace: 'shop', service: 'orders', id: 'x', generation: 'g' }] }], ['PUT', `${orders}/heartbeat`],
    ['PUT', `${orders}/override`, { status: 'draining', until: '2026-02-01T00:00:00Z' }], ['GET', '/v1/namespaces/shop/services/orders/endpoints?ready=any'], ['GET', '/v1/namespaces/shop/services/orders'],
    ['GET', '/v1/namespaces'], ['GET', '/v1/services'], ['GET', '/v1/instances?limit=1'], ['GET', '/v1/events'], ['GET', '/v1/overview'], ['GET', '/v1/revisions/1'], ['GET', '/v1/prometheus/targets'],
    ['GET', '/livez'], ['GET', '/readyz?verbose'], ['GET', '/metrics'], ['GET', '/v1/watch'], ['DELETE', `${orders}/override`], ['DELETE', `${orders}/override`], ['DELETE', orders], ['DELETE', orders],
    ['PUT', '/v1/namespaces/shop/services/webui', webui], ['PUT', '/v1/namespaces/shop/services/webui', webui], ['PUT', '/v1/namespaces/shop/services/webui', { ...webui, spec: {} }],
    ['GET', '/v1/namespaces/shop/services/webui'], ['GET', '/v1/namespaces/shop/services/webui?view=manifest'], ['GET', '/v1/namespaces/shop/services/webui', undefined, { accept: 'application/yaml' }],
    ['GET', '/v1/namespaces/shop/services/webui/endpointslices'], ['GET', '/v1/namespaces/shop/services/webui/endpointsobject'], ['GET', '/v1/namespaces/shop/services/webui/endpoints'],
    ['GET', '/v1/services'], ['GET', '/v1/pools'], ['PUT', '/v1/namespaces/shop'], ['GET', '/v1/namespaces/shop'], ['GET', '/v1/namespaces/nowhere'], ['DELETE', '/v1/namespaces/shop'],
    ['POST', '/v1/apply?namespace=shop', webui], ['POST', '/v1/apply', webui], ['POST', '/v1/apply', {}], ['POST', '/v1/delete', { names: [{ kind: 'Service', name: 'webui' }] }],
    ['PUT', pathOf('shop/pay/a'), { address: '10.0.0.2', labels: { app: 'webui' } }], ['GET', `${pathOf('shop/pay/a')}/explain`], ['GET', '/v1/namespaces/shop/services/webui/endpoints'],
    ['PUT', `${pathOf('shop/pay/a')}/heartbeat`, { load: { cpu: { value: 1, capacity: 4 } } }], ['GET', pathOf('shop/pay/a')],
    ['DELETE', '/v1/namespaces/shop/services/webui'], ['DELETE', '/v1/namespaces/shop/services/webui'],
    ['PUT', pathOf('shop/Orders/a'), {}], ['GET', '/v1/instances?namespace=nowhere'], ['PUT', `${orders}/heartbeat`]
  ] as const) {
    const answer = await send(method, url, body, headers)
    const found = expressions.find((candidate) => candidate.method === method.toLowerCase() && candidate.pattern.test(url.split('?')[0] ?? ''))
    const response = found?.operation.responses[answer.statusCode]
    t.ok(response, `${method} ${url}: ${answer.statusCode} is documented`)
    const media = String(answer.headers['content-type'] ?? '').split(';')[0] ?? ''
    if (answer.body === '') {
      t.equal(response.content, undefined)
      continue
    }
    t.ok(response.content?.[media], `${method} ${url}: ${media} is documented`)
    if (!media.includes('json')) continue
    const check = Compile(strict(inlined(response.content[media].schema, document)))
    t.ok(check.Check(answer.json()), `${method} ${url} fits: ${JSON.stringify(check.Errors(answer.json())).slice(0, 300)}`)
    if (answer.statusCode >= 400) t.ok(response.description.includes(answer.json().code), `${answer.json().code} is named`)
  }
})

t.test('a problem may have every code of the catalogue and no other', async (t) => {
  const { send } = await build(t)
  t.strictSame((await send('GET', '/openapi.json')).json().components.schemas.Problem.properties.code.enum, Object.keys(errorCatalogue))
})

t.test('the page needs nothing from elsewhere, on plain HTTP too', async (t) => {
  const { send } = await build(t)
  const redirect = await send('GET', '/docs')
  t.ok(redirect.statusCode === 200 || redirect.statusCode === 302)
  const page = await send('GET', '/docs/')
  t.equal(page.statusCode, 200)
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /default-src 'self'/)
  t.notMatch(policy, /https?:|upgrade-insecure-requests/)
  const parts = [...page.body.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, part = '']) => part)
  t.ok(parts.length > 3)
  for (const part of parts) {
    t.notMatch(part, /^(?:https?:)?\/\//)
    const answer = await send('GET', new URL(part, 'http://127.0.0.1/docs/').pathname)
    t.equal(answer.statusCode, 200, part)
  }
  t.match((await send('GET', '/docs/static/swagger-initializer.js')).body, /"validatorUrl":null/)
})

/** `METHOD /path` of a tree of routes. */
function routesOf (tree: string): string[] {
  const parts: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', allowed = ''] = /^((?:[│ ] {3})*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?$/u.exec(line) ?? []
    parts.length = indent.length / 4
    parts.push(part)
    const path = parts.join('').replaceAll(/:(\w+)/g, '{$1}')
    return allowed.split(', ').filter((method) => method !== '' && method !== 'HEAD').map((method) => `${method} ${path}`)
  })
}

/** Answers hold what is documented and nothing else. */
function strict (schema: any): any {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, key === 'enum' ? part : strict(part)]))
  return schema.type === 'object' && schema.properties !== undefined && schema.additionalProperties === undefined ? { ...parts, additionalProperties: false } : parts
}
