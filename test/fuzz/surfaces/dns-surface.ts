// DNS over UDP, question by question, and whole zones over TCP.
import { TcpClient, UdpClient, codec, question, text } from '../../support/dns-client.ts'
import type { Comparison } from './comparison.ts'
import type { Model } from './model.ts'
import { type ModelRecord, answerTo, pointersTo, zone, zoneOf } from './model-dns.ts'
import type { FuzzNode } from './node.ts'

/** What a run cleans up at its end; as a test's own. */
export interface Cleaner {
  teardown (end: () => void): void
}

const hosts = [
  '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.9.0.1', '10.9.0.2', '10.9.0.3', 'fd00::1', 'fd00::2', 'fd00::9'
] as const

export async function lookAtDns (
  { dns }: FuzzNode, model: Model, comparison: Comparison, cleaner: Cleaner
): Promise<void> {
  const client = new UdpClient(cleaner, dns)
  const records = zoneOf(model)
  const names = new Set(records.map(({ name }) => name))
  for (const namespace of [...model.namespaces, 'nowhere']) {
    names.add(`${namespace}.svc.${zone}`)
    for (const service of ['web', 'alpha', 'beta', 'blue', 'out']) {
      names.add(`${service}.${namespace}.svc.${zone}`).add(`nobody.${service}.${namespace}.svc.${zone}`)
    }
  }
  for (const name of names) {
    for (const type of ['A', 'AAAA', 'SRV']) {
      const { rcode, answers, flag_tc: isCut } = await client.query(name, type, { edns: {} })
      const meant = answerTo(model, records, name, type)
      comparison.same('dns', `${name} ${type}`, [rcode, isCut], [meant.rcode, false])
      comparison.sameSet('dns', `${name} ${type}, its records`, text(answers), meant.answers.map(lineOf))
    }
  }
  const given = records.filter(
    ({ type, name }) => (type === 'A' || type === 'AAAA') && name.split('.').length === 5
  ).map(({ data }) => data)
  for (const address of new Set([...hosts, ...given.filter((each) => !each.startsWith('192.0.2.'))])) {
    const owner = reverseName(address)
    const { answers } = await client.query(owner, 'PTR', { edns: {} })
    comparison.sameSet('dns', `PTR of ${address}`, answers.map(({ data }) => String(data)), pointersTo(model, address))
  }
  const instances = model.list()
  for (const namespace of model.namespaces) {
    for (const address of hosts.filter((each) => each.startsWith('10.0.'))) {
      const owner = `${address.replaceAll('.', '-')}.${namespace}.pod.${zone}`
      const { rcode } = await client.query(owner, 'A', { edns: {} })
      const isRegistered = instances.some(
        (instance) => instance.namespace === namespace && instance.address === address
      )
      comparison.same('dns', `${owner} A`, rcode, isRegistered ? 'NOERROR' : 'NXDOMAIN')
    }
  }
}

export async function lookAtTransfer (
  { dns }: FuzzNode, model: Model, comparison: Comparison, cleaner: Cleaner
): Promise<void> {
  const isOfServices = (line: string): boolean => / (?:A|AAAA|SRV|CNAME) /.test(line) && !line.startsWith(`ns.dns.${zone} `)
  const lines = (await transferred(await TcpClient.open(cleaner, dns), zone)).filter(isOfServices)
  comparison.sameSet('transfer', `AXFR ${zone}`, lines, zoneOf(model).map(lineOf))
}

/** The lines of a zone, which ends with the SOA that it began with. */
async function transferred (client: TcpClient, name: string): Promise<string[]> {
  client.send(question(name, 'AXFR', { edns: {} }))
  const lines: string[] = []
  for (let ends = 0; ends < 2;) {
    const message = await client.receive()
    if (message === undefined) return [...lines, 'the connection ended before the zone did']
    const { rcode, answers } = codec.decode(message)
    if (rcode !== 'NOERROR') return [rcode]
    lines.push(...text(answers))
    ends += answers.filter(({ type }) => type === 'SOA').length
  }
  client.socket.destroy()
  return lines
}

function lineOf ({ name, ttl, type, data }: ModelRecord): string {
  return `${name} ${ttl} ${type} ${data}`
}

function reverseName (address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [left = '', right = ''] = address.split('::')
  const parts16 = (half: string): string[] => half.split(':').filter((part) => part !== '')
  const [before, after] = [parts16(left), parts16(right)]
  const parts = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  return `${[...parts.map((part) => part.padStart(4, '0')).join('')].reverse().join('.')}.ip6.arpa`
}
