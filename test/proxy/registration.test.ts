// What an agent says of itself to the registry, and what the registry reads of it.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { createTestRegistry } from '../../client-sdk/src/testing.ts'
import { readNetworks } from '../../server/model/address/ranges.ts'
import { agentKeys, maxAgentAddresses, maxAgentNetworks, trafficAgentOf } from '../../server/model/traffic-agent.ts'
import type { Machine } from '../../server/proxy/machine.ts'
import { AgentRegistration } from '../../server/proxy/registration.ts'

const machine: Machine = {
  node: 'a.example', zone: 'east', addresses: new Set(['127.0.0.1', '::1', 'fe80::1', '10.77.0.1', '172.17.0.1', 'fd77::1']), nodeAddresses: ['10.77.0.1'],
  serviceRanges: [], externalRanges: readNetworks(['198.51.100.0/24'], 'external')
}

function begin (t: { teardown (end: () => Promise<void>): void }, covers: readonly string[] = []) {
  const registry = createTestRegistry()
  const client = new Rollcall({ ...registry.options, signals: false })
  t.teardown(() => client[Symbol.asyncDispose]())
  const warnings: string[] = []
  const registration = new AgentRegistration({
    client, mode: 'kernel', covers: covers.length === 0 ? [] : readNetworks(covers, 'covers'), revision: () => 'epoch.17', log: { warn: (_, message) => warnings.push(message) }
  })
  return { registry, registration, warnings }
}

t.test('an agent says which addresses its machine has, what it carries and whom it covers', async (t) => {
  const { registry, registration } = begin(t, ['172.17.0.0/16', 'fd00:17::/64'])
  await registration.tell({ machine, clusterIps: true })
  await registration.announce({ announces: ['192.0.2.1'], turn: '1', networks: readNetworks(['192.0.2.0/24'], 'networks'), macs: ['02:00:00:00:00:01'], problems: [] })
  const [instance] = registry.instances
  t.match(instance, { namespace: 'rollcall-system', service: 'proxy', id: 'a.example', node: 'a.example', zone: 'east', address: '10.77.0.1', labels: { mode: 'kernel' } })
  if (instance === undefined) return
  const agent = trafficAgentOf(instance)
  t.strictSame(agent.addresses.map(({ text }) => text), ['10.77.0.1', '172.17.0.1', 'fd77::1'], 'none that others have too, or cannot answer')
  t.strictSame(agent.covers.map(({ text }) => text), ['172.17.0.0/16', 'fd00:17::/64'])
  t.strictSame(agent.externalIps.map(({ text }) => text), ['198.51.100.0/24'])
  t.match(agent, { mode: 'kernel', carriesClusterIps: true, announces: ['192.0.2.1'] })
})

t.test('what changes is told, what does not is not', async (t) => {
  const { registry, registration } = begin(t)
  await registration.tell({ machine, clusterIps: true })
  const { revision } = registry
  await registration.tell({ machine, clusterIps: true })
  t.equal(registry.revision, revision, 'the same is no change')
  await registration.tell({ machine: { ...machine, addresses: new Set(['10.77.0.2']), nodeAddresses: ['10.77.0.2'], externalRanges: [] }, clusterIps: false })
  t.strictSame(registry.instances[0]?.metadata, { [agentKeys.addresses]: '10.77.0.2', [agentKeys.clusterIps]: 'no' })
  await registration.end()
  t.strictSame(registry.instances, [])
  await registration.tell({ machine, clusterIps: true })
  t.strictSame(registry.instances, [], 'after its end it says nothing')
})

t.test('a registry that refuses is a sentence in the log, and the agent goes on', async (t) => {
  const { registry, registration, warnings } = begin(t)
  registry.refuse(422, 'REG_INVALID')
  await registration.tell({ machine, clusterIps: true })
  t.match(warnings, [/could not say what it carries/])
  await registration.tell({ machine: { ...machine, nodeAddresses: ['10.77.0.3'] }, clusterIps: true })
  t.equal(registry.instances.length, 1, 'the next word is taken')
  t.end()
})

t.test('of a registration that anybody may have written only what can be read is taken, and no more than a machine has', async (t) => {
  const many = Array.from({ length: 1_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  const agent = trafficAgentOf({
    id: 'x', labels: {},
    metadata: {
      [agentKeys.addresses]: `}; flush ruleset, 10.0.0.1/8, ::ffff:10.0.0.1, ${many.join(',')}`,
      [agentKeys.covers]: ['everything', '10.0.0.1/8', '0.0.0.0/0', ...many.map((address) => `${address}/32`)].join(),
      [agentKeys.clusterIps]: 'YES'
    }
  })
  t.equal(agent.addresses.length, maxAgentAddresses - 3)
  t.equal(agent.covers.length, maxAgentNetworks - 2)
  t.match(agent, { node: 'x', mode: '', carriesClusterIps: false, announces: undefined })
})
