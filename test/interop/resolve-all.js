// Every question that Node's resolver can ask: `node resolve-all.js PORT`. Prints the answers, or the code of the error, as JSON.
// Plain JavaScript: an older Node runs it too.
import { Resolver } from 'node:dns/promises'

const resolver = new Resolver({ tries: 1 })
resolver.setServers([`127.0.0.1:${process.argv[2]}`])

const inShop = (name) => `${name}.shop.svc.cluster.local`
// Newer ones name the type in each record.
const services = async (name) => (await resolver.resolveSrv(name))
  .map(({ name, port, priority, weight }) => ({ name, port, priority, weight }))
  .sort((a, b) => a.priority - b.priority)
const answers = {}
for (const [key, ask] of Object.entries({
  resolve4: async () => (await resolver.resolve4(inShop('web'))).sort(),
  'resolve4 with ttl': () => resolver.resolve4(inShop('front'), { ttl: true }),
  'resolve4 of upper case': () => resolver.resolve4(inShop('FRONT')),
  'resolve4 of sixty': async () => (await resolver.resolve4(inShop('wide'))).length,
  'resolve4 through aliases': () => resolver.resolve4(inShop('second')),
  'resolve4 of nobody': () => resolver.resolve4(inShop('nobody')),
  'resolve4 of an alias of nobody': () => resolver.resolve4(inShop('ghost')),
  'resolve4 of a namespace': () => resolver.resolve4('shop.svc.cluster.local'),
  'resolve4 elsewhere': () => resolver.resolve4('www.example.com'),
  resolve6: () => resolver.resolve6(inShop('mixed')),
  'resolve6 without IPv6': () => resolver.resolve6(inShop('web')),
  'resolve6 with ttl': () => resolver.resolve6(inShop('second'), { ttl: true }),
  resolveSrv: () => services(`_http._tcp.${inShop('web')}`),
  'resolveSrv of a cluster IP': () => services(`_http._tcp.${inShop('front')}`),
  'resolveSrv of another port': () => resolver.resolveSrv(`_admin._tcp.${inShop('front')}`),
  'resolveSrv of sixty': async () => (await resolver.resolveSrv(`_http._tcp.${inShop('wide')}`)).length,
  resolveCname: () => resolver.resolveCname(inShop('alias')),
  'resolveCname elsewhere': () => resolver.resolveCname(inShop('away')),
  'resolveCname of no alias': () => resolver.resolveCname(inShop('web')),
  resolvePtr: () => resolver.resolvePtr(inShop('web')),
  resolveTxt: () => resolver.resolveTxt('dns-version.cluster.local'),
  'resolveTxt of a service': () => resolver.resolveTxt(inShop('web')),
  resolveNs: () => resolver.resolveNs('cluster.local'),
  'resolveNs of a service': () => resolver.resolveNs(inShop('web')),
  resolveSoa: async () => (await resolver.resolveSoa('cluster.local')).nsname,
  'resolveSoa of a service': () => resolver.resolveSoa(inShop('web')),
  resolveNaptr: () => resolver.resolveNaptr(inShop('web')),
  resolveMx: () => resolver.resolveMx(inShop('web')),
  resolveCaa: () => resolver.resolveCaa(inShop('web'))
})) {
  answers[key] = await ask().catch(({ code }) => code)
}
console.log(JSON.stringify(answers))
