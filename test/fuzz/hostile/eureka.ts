// Eureka: JSON and XML that do not fit, XML that grows or does not end, odd paths, deltas by the thousand.
import { mutant } from '../mutants.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, Wire, host, many, namespaces, request, requestText } from './attack.ts'
import { hostileJson } from './json-mutants.ts'

const info = {
  instance: {
    instanceId: 'h:s0:80', hostName: 'h', app: 'S0', ipAddr: '10.0.0.1', vipAddress: 's0', secureVipAddress: 's0', status: 'UP', overriddenstatus: 'UNKNOWN', port: { $: 80, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' }, homePageUrl: 'http://h/', countryId: 1, dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90 }, metadata: { zone: 'a', '@class': 'x' }, isCoordinatingDiscoveryServer: 'false', lastUpdatedTimestamp: '1', actionType: 'ADDED'
  }
}
const xml = '<instance><instanceId>h:s0:80</instanceId><hostName>h</hostName><app>S0</app><ipAddr>10.0.0.1</ipAddr><status>UP</status><port enabled="true">80</port>' +
  '<dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo><leaseInfo><durationInSecs>90</durationInSecs></leaseInfo>' +
  '<metadata><zone>a</zone></metadata></instance>'
const paths = ['apps', 'apps/', 'apps/delta', 'apps/S0', 'apps/S0/h:s0:80', 'apps/S0/h:s0:80/status?value=OUT_OF_SERVICE', 'apps/S0/h:s0:80/metadata?a=b&__proto__=c', 'instances/h:s0:80',
  'vips/s0', 'svips/s0', 'status', 'serverinfo/statusoverrides', 'lastn', '', 'apps/toString/__proto__', 'apps/%00/%ff', 'apps//S0//x', `apps/${'a'.repeat(400)}/b`, 'apps/S0/x/status?value=%00',
  'apps/S0/h:s0:80?status=DOWN&lastDirtyTimestamp=-1', 'apps/delta?regions=a,b', 'peerreplication/batch/', 'v2/apps', 'apps/S0/a/b/c/status?value=UP'] as const

function hostileXml ({ random, size }: Strike): string {
  const length = Math.ceil(random.one([10, 3_000, 200_000]) * size)
  switch (random.below(9)) {
    case 0: return `<!DOCTYPE x [<!ENTITY a "${'x'.repeat(20)}">${Array.from({ length: 20 }, (_none, level) => `<!ENTITY a${level} "&a${level - 1};&a${level - 1};">`).join('')}]><instance><app>&a19;</app></instance>`
    case 1: return `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${xml.replace('S0', '&a;')}`
    case 2: return `${'<a>'.repeat(length)}${random.below(2) === 0 ? '' : '</a>'.repeat(length)}`
    case 3: return xml.replace('<port ', `<port ${Array.from({ length }, (_none, index) => `a${index}="x"`).join(' ')} `)
    case 4: return xml.replace('<zone>a</zone>', Array.from({ length }, (_none, index) => `<k${index}>v</k${index}>`).join(''))
    case 5: return xml.replace('S0', `<![CDATA[${']]'.repeat(length)}]]>`)
    case 6: return xml.replace('S0', '&#x0;&#xD800;&#1114112;&amp;&lt;&unknown;').replace('</app>', random.one(['</APP>', '', '</app']))
    case 7: return `<?xml version="1.0"?><!-- ${'-'.repeat(length)}${xml}`
    default: return mutant([Buffer.from(xml)], random).toString('latin1')
  }
}

function bodyOf (strike: Strike): { readonly media: string, readonly body: string } {
  const { random } = strike
  if (random.below(2) === 0) return { media: random.one(['application/json', 'application/json;charset=utf-16', 'text/plain']), body: hostileJson(info, random) }
  return { media: random.one(['application/xml', 'text/xml']), body: hostileXml(strike) }
}

function pathOf (random: Random): string {
  const base = random.one(['/eureka', '/eureka/v2', `/namespaces/${random.one(['%00', 'toString', 'a'.repeat(300)])}/eureka`, `/namespaces/${random.one(namespaces)}/eureka`])
  return `${base}/${random.one(paths)}`
}

async function requests (strike: Strike): Promise<void> {
  const { random, target } = strike
  for (let count = many(strike, 40); count > 0 && !strike.signal.aborted; count--) {
    const accept = `Accept: ${random.one(['application/json', 'application/xml', 'text/html', 'application/json;q=x, */*', ''])}\r\nAccept-Encoding: ${random.one(['gzip', 'br;q=0', 'gzip;q=nan'])}\r\n`
    const isRegistration = random.below(2) === 0
    const path = isRegistration ? `/namespaces/${random.one(namespaces)}/eureka/apps/S0` : pathOf(random)
    const { media, body } = isRegistration || random.below(3) === 0 ? bodyOf(strike) : { media: 'application/json', body: '' }
    await request(strike, requestText(isRegistration ? 'POST' : random.one(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH']), path, body, media, accept), 2_000, target.eureka)
  }
}

async function deltas (strike: Strike): Promise<void> {
  const wire = await Wire.open(strike, strike.target.eureka)
  if (strike.random.below(2) === 0) wire.pause()
  await wire.write(`GET /eureka/apps/${strike.random.one(['delta', ''])} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/xml\r\n\r\n`.repeat(many(strike, 1_000)))
  await wire.end(strike.random.below(3_000))
}

export const eureka: readonly Attack[] = [
  { name: 'eureka requests', weight: 3, run: requests },
  { name: 'eureka deltas', weight: 0.5, run: deltas }
]
