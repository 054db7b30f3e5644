// npm run bench [-- cpu endpoints writes scale selectors dns sdk start idle big stalls tls proxy ingress ingress-tls access eureka consul
// kubernetes autoscale --instances=20000]: prints a table; ends with 1 if a goal is missed. Needs both cores for itself.
import { autoscale } from './autoscale.ts'
import { big } from './big.ts'
import { consul } from './consul.ts'
import { cpu } from './cpu.ts'
import { dns } from './dns.ts'
import { eureka } from './eureka.ts'
import { endpoints } from './endpoints.ts'
import { idle } from './idle.ts'
import { ingress } from './ingress.ts'
import { ingressTls } from './ingress-tls.ts'
import { kubernetes } from './kubernetes.ts'
import { type Row, printTable, takeSecondCore } from './lib.ts'
import { proxy } from './proxy.ts'
import { scale } from './scale.ts'
import { sdk } from './sdk.ts'
import { selectors } from './selectors.ts'
import { stalls } from './stalls.ts'
import { start } from './start.ts'
import { access } from './access.ts'
import { tls } from './tls.ts'
import { writes } from './writes.ts'

const suites: Readonly<Record<string, () => Promise<Row[]>>> = {
  cpu, endpoints, writes, scale, selectors, dns, sdk, start, idle, big, stalls, tls, proxy, ingress, 'ingress-tls': ingressTls, access, eureka, consul,
  kubernetes, autoscale
}
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const chosen = named.length > 0 ? named : Object.keys(suites)
takeSecondCore()
const rows: Row[] = []
for (const name of chosen) {
  const suite = suites[name]
  if (suite === undefined) throw new Error(`there is no suite ${name}, only ${Object.keys(suites).join(', ')}`)
  console.log(`${name} ...`)
  rows.push(...await suite())
}
printTable(rows)
process.exitCode = rows.every((row) => row.met) ? 0 : 1
