// The userspace back end with one front end, in a process of its own: ADDRESS PORT ENDPOINT PORT.
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import type { FrontEnd } from '../../server/proxy/front-end.ts'
import { machineAddresses } from '../../server/proxy/machine.ts'
import { programRunner } from '../../server/proxy/program.ts'
import { UserspaceBackEnd } from '../../server/proxy/userspace/userspace-back-end.ts'

const [address = '', port = '', endpoint = '', endpointPort = ''] = process.argv.slice(2)
const choice = { targets: [{ address: endpoint, port: Number(endpointPort), weight: 1 }], whenNone: 'refuse', keepSource: false } as const
const frontEnd: FrontEnd = {
  family: 4, address, port: Number(port), transport: 'tcp', kind: 'node-port', service: 'bench/web', outside: choice, inside: choice
}
const backEnd = new UserspaceBackEnd({
  guard: standaloneGuard, clock: systemClock, run: programRunner(standaloneGuard), clusterRanges: [], now: () => performance.now(), random: Math.random,
  readMachine: () => ({ node: 'g', addresses: new Set(machineAddresses().map(({ text }) => text)), nodeAddresses: [address], serviceRanges: [], externalRanges: [] })
})
await backEnd.start(new Map([['one', frontEnd]]))
