// Consul: registrations in every form but the right one, filters that are programs, blocking queries by the thousand.
import type { Random } from '../random.ts'
import { type Attack, type Strike, host, many, namespaces, request, requestText, waiting } from './attack.ts'
import { hostileJson } from './json-mutants.ts'

const service = {
  ID: 'i0', Name: 's0', Tags: ['a', 'b'], Address: '10.0.0.1', Port: 80, Meta: { a: 'b' }, EnableTagOverride: false, Weights: { Passing: 10, Warning: 1 },
  TaggedAddresses: { lan: { address: '10.0.0.1', port: 80 } }, Check: { CheckID: 'c', TTL: '30s', DeregisterCriticalServiceAfter: '90m' }, Checks: [{ Name: 'x', TTL: '1m' }]
}
const catalog = { Node: 'n', Address: '10.0.0.2', Datacenter: 'dc1', NodeMeta: { a: 'b' }, Service: { ID: 'i1', Service: 's1', Port: 80 }, Check: { Node: 'n', CheckID: 'c', Status: 'passing' } }
const check = { ID: 'c2', Name: 'c', ServiceID: 'i0', TTL: '15s', Status: 'passing' }
const writes: readonly (readonly [path: string, body: object])[] = [
  ['/v1/agent/service/register', service], ['/v1/agent/service/register?replace-existing-checks=true', service], ['/v1/agent/check/register', check], ['/v1/catalog/register', catalog],
  ['/v1/catalog/deregister', { Node: 'n', ServiceID: 'i1' }], ['/v1/agent/check/update/c', { Status: 'warning', Output: 'x'.repeat(5_000) }], ['/v1/agent/service/deregister/i0', {}],
  ['/v1/agent/service/maintenance/i0?enable=true&reason=%00', {}], ['/v1/agent/check/pass/service:i0', {}], ['/v1/agent/maintenance?enable=x', {}]
]
const reads = ['/v1/health/service/s0', '/v1/health/service/s1', '/v1/catalog/services', '/v1/catalog/service/s0', '/v1/catalog/nodes', '/v1/catalog/node/n', '/v1/health/state/any',
  '/v1/health/node/n', '/v1/health/checks/s0', '/v1/agent/services', '/v1/agent/service/i0', '/v1/agent/checks', '/v1/agent/self', '/v1/agent/health/service/name/s0', '/v1/status/leader',
  '/v1/catalog/datacenters', '/v1/kv/a', '/v1/health/service/%00', '/v1/health/service/%ff', '/v1/health/service/__proto__', `/v1/health/service/${'a'.repeat(500)}`, '/v1/agent/service/a/b/c'] as const

function filterOf ({ random, size }: Strike): string {
  const count = Math.ceil(random.one([3, 40, 400]) * size)
  switch (random.below(9)) {
    case 0: return `${'('.repeat(count)}Service.Port == 80${')'.repeat(count)}`
    case 1: return Array.from({ length: count }, () => 'Service.ID == "a"').join(' or ')
    case 2: return `${'not '.repeat(count)}Service.Tags is empty`
    case 3: return `Service.Meta["a"] matches "${random.one(['(a*)*b', '((a{100}){100}){100}', '(x+x+)+y', '(?i)\\\\pL+', '(', '.'.repeat(600), '(?:.*a){900}'])}"`
    case 4: return `Service.${'a.'.repeat(count)}b == 1`
    case 5: return '__proto__ == 1 and constructor.prototype is not empty'
    case 6: return `"${'x'.repeat(count * 20)}" in Service.Tags`
    case 7: return `Checks.${random.one(['Output', 'Status', 'toString'])} contains "${random.one(['', 'a', '\\"', '\u0000'])}"`
    default: return random.one(['==', 'a ==', '"a', '`', 'a[', 'a["b"', 'not', 'in in in', 'a b c', '\ud83d\ude00 == 1'])
  }
}

function queryOf (strike: Strike): string {
  const { random } = strike
  const given: string[] = [`ns=${random.one([...namespaces, 'honest', 'x'.repeat(100)])}`]
  if (random.below(2) === 0) given.push(`filter=${encodeURIComponent(filterOf(strike))}`)
  if (random.below(3) === 0) given.push(random.one(['passing', 'passing=x', 'tag=a&tag=b', 'near=_agent', 'near=x', 'node-meta=a:b', 'dc=x', 'cached', 'stale&consistent', 'index=-1', 'index=1e99', 'wait=x', 'wait=1ns', 'hash=x']))
  return given.join('&')
}

async function requests (strike: Strike): Promise<void> {
  const { random, target } = strike
  for (let count = many(strike, 40); count > 0 && !strike.signal.aborted; count--) {
    if (random.below(2) === 0) {
      const [path, body] = random.one(writes)
      const where = `${path}${path.includes('?') ? '&' : '?'}ns=${random.one(namespaces)}`
      await request(strike, requestText(random.below(8) === 0 ? random.one(['POST', 'GET', 'DELETE']) : 'PUT', where, hostileJson(body, random)), 2_000, target.consul)
    } else {
      await request(strike, requestText(random.below(10) === 0 ? 'PUT' : 'GET', `${random.one(reads)}?${queryOf(strike)}`), 2_000, target.consul)
    }
  }
}

function blocking (random: Random): string {
  const path = random.one(['/v1/health/service/s0', '/v1/health/service/s1', '/v1/catalog/services', '/v1/health/state/any', '/v1/catalog/nodes', '/v1/agent/service/i0'])
  return `GET ${path}?ns=${random.one(['honest', ...namespaces])}&index=${random.one([1, 2 ** 52, 99_999_999_999_999])}&wait=10m HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}

export const consul: readonly Attack[] = [
  { name: 'consul requests', weight: 4, run: requests },
  { name: 'consul blocking queries', weight: 1, run: (strike) => waiting(strike, strike.target.consul, many(strike, 1_000), () => blocking(strike.random)) }
]
