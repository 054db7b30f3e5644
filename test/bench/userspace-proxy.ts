// The userspace back end in a process of its own: ADDRESS PORT ENDPOINT PORT COUNT, so many front ends with an endpoint each, at ports that
// follow each other.
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { type FrontEnd, frontEndKey } from '../../server/proxy/front-end.ts'
import { machineAddresses } from '../../server/proxy/machine.ts'
import { programRunner } from '../../server/proxy/program.ts'
import { UserspaceBackEnd } from '../../server/proxy/userspace/userspace-back-end.ts'

const [address = '', port = '', endpoint = '', endpointPort = '', count = '1'] = process.argv.slice(2)
const frontEnds = Array.from({ length: Number(count) }, (_, at): FrontEnd => {
  const choice = { targets: [{ address: endpoint, port: Number(endpointPort) + at, weight: 1 }], whenNone: 'refuse', keepSource: false } as const
  return { family: 4, address, port: Number(port) + at, transport: 'tcp', kind: 'node-port', service: 'bench/web', outside: choice, inside: choice }
})
const backEnd = new UserspaceBackEnd({
  guard: standaloneGuard, clock: systemClock, run: programRunner(standaloneGuard), clusterRanges: [], now: () => performance.now(), random: Math.random,
  readMachine: () => ({ node: 'g', addresses: new Set(machineAddresses().map(({ text }) => text)), nodeAddresses: [address], serviceRanges: [], externalRanges: [] })
})
await backEnd.start(new Map(frontEnds.map((each) => [frontEndKey(each), each])))
