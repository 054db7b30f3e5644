import { Buffer } from 'node:buffer'
import t from 'tap'
import { kindFields } from '../../../server/model/fields/kind-fields.ts'
import { deleteOptions } from '../../../server/model/fields/meta-fields.ts'
import { decodeMessage, readEnvelope } from '../../../server/kubernetes/write/protobuf/decode.ts'
import { field, message, varint } from '../../../server/kubernetes/write/protobuf/wire-writer.ts'
import { Random, fuzzSeed, seedHint } from '../../fuzz/random.ts'
import { refused } from './refused.ts'

/** As kubectl 1.32 and 1.33 sent it for `create service nodeport np-svc --tcp=80:8080 --node-port=30000`, but for the names. */
const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])), field(2, raw), field(3, ''), field(4, '')])

const entry = (key: string, value: string): Buffer => message(field(1, key), field(2, value))
const meta = (name: string): Buffer => message(field(1, name), field(2, ''), field(3, ''), field(5, ''), field(7, 0), field(8, message(field(1, 0))), field(11, entry('app', name)), field(11, entry('b', '2')))
const port = message(field(1, '80-8080'), field(2, 'TCP'), field(3, 80), field(4, message(field(1, 0), field(2, 8080), field(3, ''))), field(5, 30000))
const service = envelope('v1', 'Service', message(
  field(1, meta('np-svc')),
  field(2, message(field(1, port), field(2, entry('app', 'np-svc')), field(3, ''), field(4, 'NodePort'), field(7, ''), field(12, 0), field(13, false))),
  field(3, message(field(1, Buffer.alloc(0))))
))

t.test('a Service, a Namespace and options of a deletion are read as JSON has them', async (t) => {
  t.same(decodeMessage(readEnvelope(service), kindFields.Service), {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'np-svc', labels: { app: 'np-svc', b: '2' } },
    spec: { ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30000 }], selector: { app: 'np-svc' }, type: 'NodePort', publishNotReadyAddresses: false },
    status: { loadBalancer: {} }
  })
  t.same(decodeMessage(readEnvelope(envelope('v1', 'Namespace', message(field(1, meta('prod')), field(2, Buffer.alloc(0)), field(3, field(1, ''))))), kindFields.Namespace),
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod', labels: { app: 'prod', b: '2' } }, spec: {}, status: {} })
  t.same(decodeMessage(readEnvelope(envelope('v1', 'DeleteOptions', message(field(1, -1), field(2, message(field(1, 'uid'))), field(4, 'Background'), field(5, 'All')))), deleteOptions),
    { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: -1, preconditions: { uid: 'uid' }, propagationPolicy: 'Background', dryRun: ['All'] })
  t.match(decodeMessage(readEnvelope(envelope('v1', 'Service', field(2, field(1, field(4, message(field(1, 1), field(3, 'web'))))))), kindFields.Service), { spec: { ports: [{ targetPort: 'web' }] } })
  t.same(decodeMessage(readEnvelope(envelope('v1', 'Service', message(field(99, 'new'), field(98, 7)))), kindFields.Service), { apiVersion: 'v1', kind: 'Service' }, 'what is not known is passed over')
})

t.test('what is no protobuf is refused', async (t) => {
  const read = (bytes: Buffer): string => refused(() => decodeMessage(readEnvelope(bytes), kindFields.Service))
  t.equal(read(Buffer.from('{}')), '400 BadRequest: provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  const table: readonly [Buffer, string][] = [
    [Buffer.from([0x0a, 0x05, 0x61]), 'unexpected EOF'], [Buffer.from([0x0f]), 'proto: illegal wireType 7'], [Buffer.from([0x00]), 'proto: illegal tag 0 (wire type 0)'],
    [Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), 'proto: integer overflow'],
    [Buffer.concat([Buffer.from([0x12]), varint(2 ** 40)]), 'unexpected EOF']
  ]
  for (const [bytes, expected] of table) t.equal(read(Buffer.concat([Buffer.from('k8s\0'), bytes])), `400 BadRequest: error decoding protobuf: ${expected}`)
  t.equal(read(envelope('v1', 'Service', field(2, 7))), '400 BadRequest: error decoding protobuf: proto: wrong wireType = 0')
  t.equal(read(envelope('v1', 'Service', field(2, field(4, Buffer.from([0xff]))))), '400 BadRequest: error decoding protobuf: proto: a text is no UTF-8')
  t.equal(read(envelope('v1', 'Service', field(2, field(1, field(3, 'x'))))), '400 BadRequest: error decoding protobuf: proto: wrong wireType = 2')
})

t.test('a body of a million fields is refused', async (t) => {
  const ports = field(2, Buffer.concat(Array.from({ length: 1_000_000 }, () => Buffer.from([0x0a, 0x00]))))
  t.match(refused(() => decodeMessage(readEnvelope(envelope('v1', 'Service', ports)), kindFields.Service)), /^413 RequestEntityTooLarge: .*a body has at most 50000 fields$/)
})

t.test('any octets are an object or refused', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  for (let n = 0; n < 20_000; n++) {
    const bytes = Buffer.from(service.subarray(0, random.below(4) === 0 ? random.below(service.length) : service.length))
    for (let changes = random.below(6); changes > 0 && bytes.length > 4; changes--) bytes[4 + random.below(bytes.length - 4)] = random.below(256)
    try {
      refused(() => decodeMessage(readEnvelope(bytes), kindFields.Service))
    } catch (error) {
      t.fail(`${seedHint(seed)}: ${bytes.toString('hex')}: ${String(error)}`)
      return
    }
  }
  t.pass()
})
