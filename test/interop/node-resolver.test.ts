// Node's own resolver (c-ares), of the Node that runs the tests and of an older one if there is one: their c-ares differ.
import { join } from 'node:path'
import t from 'tap'
import { serve } from '../support/played-feed.ts'
import { output, programPath } from '../support/programs.ts'
import { inShop, shop } from './shop.ts'

const web = inShop('web')
const expected = {
  resolve4: ['10.0.0.1', '10.0.0.2'],
  'resolve4 with ttl': [{ address: '10.96.0.9', ttl: 5 }],
  'resolve4 of upper case': ['10.96.0.9'],
  'resolve4 of sixty': 60,
  'resolve4 through aliases': ['10.96.0.9'],
  'resolve4 of nobody': 'ENOTFOUND',
  'resolve4 of an alias of nobody': 'ENOTFOUND',
  'resolve4 of a namespace': 'ENODATA',
  'resolve4 elsewhere': 'EREFUSED',
  resolve6: ['fd00::3'],
  'resolve6 without IPv6': 'ENODATA',
  'resolve6 with ttl': [{ address: 'fd00:10:96::9', ttl: 5 }],
  resolveSrv: [{ name: `web-0.${web}`, port: 8080, priority: 1, weight: 10 }, { name: `10-0-0-2.${web}`, port: 8081, priority: 2, weight: 20 }],
  'resolveSrv of a cluster IP': [{ name: inShop('front'), port: 80, priority: 0, weight: 100 }],
  'resolveSrv of another port': 'ENOTFOUND',
  'resolveSrv of sixty': 60,
  resolveCname: [inShop('front')],
  'resolveCname elsewhere': ['payments.partner.example'],
  'resolveCname of no alias': 'ENODATA',
  resolvePtr: 'ENODATA',
  resolveTxt: [['1.1.0']],
  'resolveTxt of a service': 'ENODATA',
  resolveNs: ['ns.dns.cluster.local'],
  'resolveNs of a service': 'ENODATA',
  resolveSoa: 'ns.dns.cluster.local',
  'resolveSoa of a service': 'ENODATA',
  resolveNaptr: 'ENODATA',
  resolveMx: 'ENODATA',
  resolveCaa: 'ENODATA'
}

async function versionOf (node: string): Promise<string> {
  return (await output(node, '--version')).stdout.trim()
}

const others = ['/usr/local/bin/node', '/usr/bin/node', programPath('node')].filter((path): path is string => path !== undefined)
const nodes = new Map<string, string>()
for (const node of [process.execPath, ...others]) {
  const version = await versionOf(node).catch(() => undefined)
  if (version !== undefined && !nodes.has(version)) nodes.set(version, node)
}

for (const [version, node] of nodes) {
  t.test(`the resolver of Node ${version} gets each answer, and each reason for none`, async (t) => {
    const server = await serve(t, shop())
    const { stdout } = await output(node, join(import.meta.dirname, 'resolve-all.js'), String(server.port))
    for (const [question, answer] of Object.entries(expected)) t.strictSame(JSON.parse(stdout)[question], answer, question)
  })
}
