import t from 'tap'
import { AccessList } from '../../server/dns/protect/access-list.ts'
import { neighbourNetworks, readNetworks } from '../../server/model/address/ranges.ts'

const list = (text: string): AccessList => new AccessList(readNetworks(text.split(','), 'dns-forward-from'))

t.test('neighbours are permitted, strangers and what is no address are not', async (t) => {
  const neighbours = list(neighbourNetworks)
  const table: Readonly<Record<string, boolean>> = {
    '127.0.0.1': true, '127.255.255.254': true, '126.255.255.255': false, '128.0.0.1': false,
    '10.0.0.0': true, '10.255.255.255': true, '9.255.255.255': false, '11.0.0.0': false,
    '172.16.0.1': true, '172.31.255.255': true, '172.15.255.255': false, '172.32.0.0': false,
    '192.168.0.1': true, '192.167.255.255': false, '192.169.0.0': false,
    '169.254.1.1': true, '169.253.1.1': false,
    '100.64.0.1': false, '100.127.255.255': false, '0.0.0.0': false, '8.8.8.8': false, '192.0.2.1': false, '255.255.255.255': false,
    '::1': true, '::2': false, '::': false,
    'fc00::1': true, 'fdff:ffff::1': true, 'fb00::1': false, 'fe00::1': false,
    'fe80::1': true, 'fe80::1%eth0': true, 'febf::1%2': true, 'fec0::1': false, '2001:db8::1%eth0': false,
    '::ffff:10.1.2.3': true, '::ffff:0a01:0203': true, '::FFFF:127.0.0.1': true, '::ffff:8.8.8.8': false, '::ffff:808:808': false,
    '::10.1.2.3': false, '64:ff9b::10.1.2.3': false, '2002:0a01:0203::1': false, '2001:db8::1': false,
    '': false, 'localhost': false, '10.1.2': false, '010.1.2.3': false, '10.1.2.3:53': false, '[::1]': false, '%eth0': false, '10.0.0.0/8': false
  }
  for (const [address, isPermitted] of Object.entries(table)) {
    t.equal(neighbours.permits(address), isPermitted, address)
    t.equal(neighbours.permits(address), isPermitted, `${address}, again`)
  }
})

t.test('a list of one\'s own replaces the neighbours', async (t) => {
  const own = list('192.0.2.0/24,100.64.0.0/10,2001:db8::/32')
  t.same(['192.0.2.255', '100.64.0.1', '::ffff:192.0.2.1', '2001:db8:1::1', '127.0.0.1', '::1'].map((address) => own.permits(address)), [true, true, true, true, false, false])
  t.ok(list('0.0.0.0/0').permits('8.8.8.8'))
  t.notOk(list('0.0.0.0/0').permits('2001:db8::1'))
})

t.test('a flood of addresses changes no verdict', async (t) => {
  const neighbours = list(neighbourNetworks)
  for (let index = 0; index < 10_000; index++) {
    const tail = `${index >> 8}.${index & 255}`
    if (!neighbours.permits(`10.0.${tail}`) || neighbours.permits(`8.0.${tail}`)) t.fail(tail)
  }
  t.ok(neighbours.permits('10.0.0.1'))
})

t.test('a network that is none is refused by its text', async (t) => {
  t.throws(() => readNetworks(['10.0.0.0/8', '10.0.0.1/8', '::ffff:10.0.0.0/104'], 'dns-forward-from'), {
    code: 'REG_INVALID', errors: [{ field: 'dns-forward-from', value: '10.0.0.1/8' }, { value: '::ffff:10.0.0.0/104' }]
  })
})
