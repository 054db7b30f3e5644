// rollcall import --from consul: the entries of another Consul, in our words. The other one is a registry that speaks Consul.
import t from 'tap'
import { consulSource } from '../../server/cli/import-consul.ts'
import { type ConsulWorld, consulWorld } from '../consul/consul-world.ts'

/** Asks the registry of a test as if it were far away. */
function fetchOf (world: ConsulWorld, seen: string[] = []): typeof fetch {
  return async (input, init) => {
    const url = new URL(input) // it is asked with texts
    seen.push(`${url.pathname}${url.search} ${JSON.stringify((init?.headers as Record<string, string>)['x-consul-token'] ?? '')}`)
    const { status, body } = await world.get(`${url.pathname}${url.search}`)
    return new Response(body, { status })
  }
}

const signal = new AbortController().signal

t.test('what one has, the other shows alike', async (t) => {
  const old = await consulWorld(t)
  const young = await consulWorld(t)
  await old.service({
    ID: 'web/1', Name: 'web', Port: 80, Address: '10.0.0.5', Tags: ['a', 'Host(`x`)'], Meta: { m: '1' }, Weights: { Passing: 5, Warning: 1 }, EnableTagOverride: true, Locality: { Region: 'eu', Zone: 'a' },
    Check: { CheckID: 'c', TTL: '1h', Status: 'passing' }
  })
  await old.service({ ID: 'web', Name: 'web', Check: { TTL: '1h', Status: 'warning' } }, '10.0.0.2')
  await old.service({ ID: 'web', Name: 'web', Check: { TTL: '1h' } }, '10.0.0.3')
  await old.service({ ID: 'm', Name: 'other' })
  await old.put('/v1/agent/service/maintenance/m?enable=true')
  const seen: string[] = []
  const { instances, refused } = await consulSource(new URL('http://:secret@old:8500/?dc=dc1'), fetchOf(old, seen)).read(signal)
  t.strictSame(refused, [])
  t.strictSame(seen.map((each) => each.split(' ')[1]), ['"secret"', '"secret"', '"secret"'], 'the token in a header')
  t.match(seen[0], '/v1/catalog/services?dc=dc1&stale= ')
  for (const { service, id, registration } of instances) await young.access.register({ namespace: 'default', service, id }, registration)
  const shown = async (world: ConsulWorld, name: string): Promise<unknown> => (await world.get(`/v1/health/service/${name}`)).json.map(({ Node, Service, Checks }: any) => ({
    node: Node.Address, ...Service, CreateIndex: 0, ModifyIndex: 0, TaggedAddresses: 0, checks: Checks.map(({ CheckID, Status }: any) => `${CheckID} ${Status}`)
  }))
  t.strictSame(await shown(young, 'web'), await shown(old, 'web'))
  t.match(young.access.instance({ namespace: 'default', service: 'other', id: 'm' }), { status: 'down' }, 'maintenance is a status there')
})

t.test('what cannot be registered is named, and a wrong address is told', async (t) => {
  const entry = (service: object): object => ({ Node: { Node: 'n', Address: '10.0.0.1' }, Service: { ID: 'x', Service: 'web', ...service }, Checks: [] })
  const answers: Record<string, unknown> = { '/v1/catalog/services': { web: [], consul: [] }, '/v1/health/service/web': [
    entry({}), entry({ ID: 'p', Kind: 'connect-proxy' }), entry({ ID: 'y', Service: 'a_b' }), entry({ ID: 'z', Port: 'x' }), 5, { Node: null }
  ] }
  const answering = (of: Record<string, unknown>, status = 200): typeof fetch => async (input) => (
    new Response(JSON.stringify(of[new URL(input).pathname] ?? null), { status })
  )
  const { instances, refused } = await consulSource(new URL('http://old:8500/v1/'), answering(answers)).read(signal)
  t.strictSame(instances.map(({ service, id }) => `${service}/${id}`), ['web/x'])
  t.equal(refused.length, 5)
  t.match(refused.join('\n'), /web: .*Kind connect-proxy.*\n.*Invalid service name "a_b".*\n.*Port must be a whole number/)
  for (const [of, status, message] of [[{}, 403, /answered 403/], [{ '/v1/catalog/services': [] }, 200, /is it a Consul/]] as const) {
    await t.rejects(consulSource(new URL('http://old:8500'), answering(of, status)).read(signal), { message })
  }
  await t.rejects(consulSource(new URL('http://old:8500'), async () => new Response('<html>')).read(signal), { message: /no JSON: is it a Consul/ })
})
