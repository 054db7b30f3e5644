import t from 'tap'
import fc from 'fast-check'
import { readInstanceCidrs } from '../../server/dns/names/reverse-networks.ts'
import type { RegistryError } from '../../server/errors.ts'
import {
  addressRangeRule, cidrRule, contains, nthAddress, overlaps, parseAddressRange, parseCidr, parseIp, parsePortRange, poolRule, portRangeRule, readPools,
  readServiceCidrs, showIp, showPool
} from '../../server/model/address/ranges.ts'

t.test('a network is read, and refused when it is none', async (t) => {
  const good: readonly [string, string, bigint][] = [
    ['10.96.0.0/12', '10.96.0.0/12', 1_048_576n],
    ['192.0.2.7/32', '192.0.2.7/32', 1n],
    ['0.0.0.0/0', '0.0.0.0/0', 1n << 32n],
    ['FD00:10:96:0::/108', 'fd00:10:96::/108', 1n << 20n],
    ['2001:db8::/64', '2001:db8::/64', 1n << 64n],
    ['::/0', '::/0', 1n << 128n]
  ]
  for (const [text, canonical, size] of good) t.match(parseCidr(text), { text: canonical, size }, text)
  const bad: readonly [string, string | RegExp][] = [
    ['', cidrRule], ['10.96.0.0', cidrRule], ['10.96.0.0/', cidrRule], ['10.96.0.0/012', cidrRule], ['10.96/12', cidrRule],
    ['010.96.0.0/12', cidrRule], ['10.96.0.0/255.240.0.0', cidrRule], ['10.96.0.0/-1', cidrRule], ['fe80::%1/64', /IPv4 or IPv6/], [' 10.0.0.0/8', cidrRule],
    ['10.96.0.0/33', /at most 32 for IPv4/], ['fd00::/129', /at most 128 for IPv6/],
    ['10.96.0.7/12', /the network is 10\.96\.0\.0\/12/], ['fd00::1/108', /the network is fd00::\/108/],
    ['::ffff:10.0.0.0/104', /written as IPv4/]
  ]
  for (const [text, problem] of bad) t.match(parseCidr(text), { problem }, text)
})

t.test('a range of addresses is a network or two ends', async (t) => {
  const good: readonly [string, string, bigint][] = [
    ['192.0.2.10-192.0.2.50', '192.0.2.10-192.0.2.50', 41n],
    ['192.0.2.10-192.0.2.10', '192.0.2.10-192.0.2.10', 1n],
    ['2001:DB8::1-2001:db8::ff', '2001:db8::1-2001:db8::ff', 255n],
    ['192.0.2.0/28', '192.0.2.0/28', 16n]
  ]
  for (const [text, canonical, size] of good) t.match(parseAddressRange(text), { text: canonical, size }, text)
  const bad: readonly [string, string | RegExp][] = [
    ['', addressRangeRule], ['192.0.2.10', addressRangeRule], ['192.0.2.10-', addressRangeRule], ['192.0.2.10-50', addressRangeRule],
    ['192.0.2.1-192.0.2.2-192.0.2.3', addressRangeRule], ['192.0.2.0/28-192.0.2.50', addressRangeRule], ['192.0.2.0/x', addressRangeRule],
    ['192.0.2.1-2001:db8::1', /one address family/], ['192.0.2.50-192.0.2.10', /did you mean 192\.0\.2\.10-192\.0\.2\.50/],
    ['192.0.2.1/24', /the network is/]
  ]
  for (const [text, problem] of bad) t.match(parseAddressRange(text), { problem }, text)
})

t.test('a port range has two ends from 1 to 65535', async (t) => {
  t.same(parsePortRange('30000-32767'), { first: 30_000, last: 32_767, size: 2_768, text: '30000-32767' })
  t.match(parsePortRange('80-80'), { size: 1 })
  for (const text of ['', '30000', '0-1', '1-65536', '030-40', '1-2-3', '-1-5', '1 - 2', '1e3-2e3']) t.match(parsePortRange(text), { problem: portRangeRule }, text)
  t.match(parsePortRange('32767-30000'), { problem: /did you mean 30000-32767/ })
})

t.test('an address goes through its number and back', async () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
    const ip = parseIp(text)
    if ('problem' in ip) return /IPv4-mapped/.test(ip.problem)
    const again = parseIp(ip.text)
    return !('problem' in again) && again.value === ip.value && showIp(ip.family, ip.value) === ip.text
  }))
})

t.test('a range knows its addresses by position, and what it shares with another', async (t) => {
  const range = parseAddressRange('192.0.2.254-192.0.3.1')
  const network = parseCidr('192.0.3.0/24')
  const other = parseCidr('2001:db8::/64')
  if ('problem' in range || 'problem' in network || 'problem' in other) throw new Error('these are ranges')
  t.same([0n, 1n, 2n, 3n, 4n, -1n].map((position) => nthAddress(range, position)), ['192.0.2.254', '192.0.2.255', '192.0.3.0', '192.0.3.1', undefined, undefined])
  t.equal(nthAddress(other, (1n << 64n) - 1n), '2001:db8::ffff:ffff:ffff:ffff')
  const inside = (text: string): boolean => {
    const ip = parseIp(text)
    return !('problem' in ip) && contains(range, ip)
  }
  t.same(['192.0.2.253', '192.0.2.254', '192.0.3.1', '192.0.3.2', '::c000:3fe'].map(inside), [false, true, true, false, false])
  t.ok(overlaps(range, network))
  t.notOk(overlaps(range, other))
})

t.test('cluster IPs come from one network of each family at most', async (t) => {
  t.same(readServiceCidrs(['fd00::/108', '10.96.0.0/12']).map(({ family }) => family), [6, 4])
  t.same(readServiceCidrs([]), [])
  const bad: readonly [readonly string[], RegExp][] = [
    [['10.96.0.0/12', '10.0.0.0/16'], /second IPv4 network/], [['10.96.0.1/12'], /the network is/], [['10.0.0.0/31'], /at most \/30/],
    [['fd00::/128'], /at most \/127/], [['10.0.0.1-10.0.0.9'], /CIDR form/]
  ]
  for (const [texts, message] of bad) t.throws(() => readServiceCidrs(texts), { code: 'REG_INVALID', message }, texts.join())
})

t.test('pools are read part by part, and written back the same', async (t) => {
  const parts = ['public=192.0.2.10-192.0.2.50', '2001:db8::/120', 'lab=198.51.100.0/28', 'auto=false', 'last=203.0.113.7/32', 'auto=true']
  const pools = readPools(parts)
  t.match(pools, [
    { name: 'public', autoAssign: true, ranges: [{ size: 41n }, { family: 6 }] },
    { name: 'lab', autoAssign: false, ranges: [{ text: '198.51.100.0/28' }] },
    { name: 'last', autoAssign: true }
  ])
  t.same(pools.map(showPool), ['public=192.0.2.10-192.0.2.50,2001:db8::/120', 'lab=198.51.100.0/28,auto=false', 'last=203.0.113.7/32'])
  t.same(readPools(pools.flatMap((pool) => showPool(pool).split(','))), pools)
})

t.test('a bad pool is refused with the part and the rule', async (t) => {
  const bad: readonly [readonly string[], string | RegExp][] = [
    [['192.0.2.0/24'], poolRule],
    [['auto=false'], poolRule],
    [['=192.0.2.0/24'], /pool name/],
    [['Public=192.0.2.0/24'], /pool name/],
    [['a/b=192.0.2.0/24'], /pool name/],
    [['a='], addressRangeRule],
    [['a=192.0.2.0/24', ''], addressRangeRule],
    [['a=192.0.2.7'], addressRangeRule],
    [['a=192.0.2.1/24'], /the network is 192\.0\.2\.0\/24/],
    [['a=192.0.2.0/24', 'auto=no'], /auto=true or auto=false/],
    [['a=192.0.2.0/24', 'a=198.51.100.0/24'], /twice/],
    [['a=192.0.2.0/24', 'b=192.0.2.200-192.0.3.10'], /overlap 192\.0\.2\.0\/24 of the pool a/],
    [['a=192.0.2.0/24', '192.0.2.0/28'], /overlap/],
    [Array.from({ length: 65 }, (_, index) => `p${index}=10.0.${index}.0/24`), /more than 64 pools/],
    [Array.from({ length: 65 }, (_, index) => `${index === 0 ? 'a=' : ''}10.0.${index}.0/24`), /more than 64 ranges/]
  ]
  for (const [parts, rule] of bad) {
    t.throws(() => readPools(parts), { code: 'REG_INVALID', errors: [{ field: 'load-balancer-pool', value: String, rule }] }, parts.slice(0, 2).join())
  }
})

t.test('a list of a setting is refused with all of its faults', async (t) => {
  const fields = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      return (error as RegistryError).errors?.map(({ value }) => value)
    }
  }
  t.strictSame(fields(() => readServiceCidrs(['10.0.0.1/8', '10.0.0.0/16', 'nothing'])), ['10.0.0.1/8', 'nothing'])
  t.strictSame(fields(() => readPools(['a=nothing', 'A=192.0.2.0/28', '192.0.2.16/28', 'auto=false', 'b=192.0.2.32/28', 'auto=perhaps'])),
    ['a=nothing', 'A=192.0.2.0/28', 'auto=perhaps'], 'what belongs to a refused pool is no fault of its own')
  t.strictSame(fields(() => readInstanceCidrs(['10.0.0.1/8', '10.0.0.0/8', 'nothing'])), ['10.0.0.1/8', 'nothing'])
})
