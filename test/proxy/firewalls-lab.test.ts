// What the guide to traffic says of other people's firewalls, on a machine that forwards: Docker's, which drops what is none of its own, and
// firewalld's, which accepts what is translated.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { droppingChains } from '../../server/proxy/check.ts'
import { type FrontEnd, frontEndKey } from '../../server/proxy/front-end.ts'
import { KernelBackEnd } from '../../server/proxy/kernel/kernel-back-end.ts'
import { type Run, programRunner } from '../../server/proxy/program.ts'
import { Lab, noLab } from '../support/lab.ts'
import { repository } from '../support/processes.ts'

const machines = { g: '10.77.0.8', b: '10.77.0.2', x: '10.77.0.100' }
const page = readFileSync(join(repository, 'docs/guides/traffic.md'), 'utf8')

/** As Docker makes it: its iptables are such tables to the kernel. */
const docker = `
table ip filter {
  chain DOCKER-USER { counter return; }
  chain DOCKER-FORWARD { iifname "docker0" counter accept; }
  chain FORWARD { type filter hook forward priority filter; policy drop; counter jump DOCKER-USER; counter jump DOCKER-FORWARD; }
}`
/** As firewalld makes it: what no zone takes is rejected. */
const firewalld = `
table inet firewalld {
  chain filter_INPUT { type filter hook input priority filter + 10; policy accept; ct state { established, related } accept; ct status dnat accept; iifname "lo" accept; reject with icmpx type admin-prohibited; }
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state { established, related } accept; ct status dnat accept; iifname "lo" accept; reject with icmpx type admin-prohibited; }
}`

/** A machine whose kernel carries a cluster IP for a client that routes its packets there, to an endpoint on a third one. */
async function place (t: Test): Promise<{ readonly lab: Lab, readonly nft: Run, readonly asked: () => Promise<string> }> {
  const lab = await Lab.start(t, machines)
  await lab.answer(t, 'b')
  await lab.run('x', 'ip', 'route', 'add', '10.96.0.0/12', 'via', machines.g)
  const plain = programRunner(standaloneGuard)
  const run: Run = (program, args, options) => plain('ip', ['netns', 'exec', lab.namespace('g'), program, ...args], options)
  const backEnd = new KernelBackEnd({ run, clock: systemClock, clusterRanges: readServiceCidrs(['10.96.0.0/12']), markBit: 0x8000, hasSctp: false, sources: { 4: machines.g } })
  const choice = { targets: [{ address: machines.b, port: 8080, weight: 1 }], whenNone: 'refuse', keepSource: false } as const
  const frontEnd: FrontEnd = { family: 4, address: '10.96.0.10', port: 80, transport: 'tcp', kind: 'cluster-ip', service: 'shop/web', outside: choice, inside: choice }
  await backEnd.start(new Map([[frontEndKey(frontEnd), frontEnd]]))
  t.teardown(() => backEnd.stop())
  return { lab, nft: run, asked: () => lab.ask('x', '10.96.0.10', 80) }
}

t.test('Docker drops what is forwarded to a cluster IP, check names its chain, and the rule of the guide lets it through', { skip: noLab }, async (t) => {
  const { lab, nft, asked } = await place(t)
  t.match(await asked(), /^b /)
  t.match(await nft('nft', ['-f', '-'], { input: docker }), { code: 0, err: '' })
  t.equal(await asked(), 'silence')
  t.same(droppingChains((await nft('nft', ['-j', 'list', 'chains'])).out), ['ip filter FORWARD'])
  const [, command = ''] = /^ *(nft insert rule ip filter DOCKER-USER .*)$/m.exec(page) ?? []
  t.equal((await lab.run('g', 'sh', '-c', command)).code, 0, command)
  t.match(await asked(), /^b /)
})

t.test('firewalld accepts what is translated, without a rule', { skip: noLab }, async (t) => {
  const { nft, asked } = await place(t)
  t.match(await nft('nft', ['-f', '-'], { input: firewalld }), { code: 0, err: '' })
  t.match(await asked(), /^b /)
})
