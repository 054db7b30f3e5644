import fc from 'fast-check'
import t from 'tap'
import type { Override } from '../../client-sdk/src/wire.ts'
import { bodyOf, instanceOf } from '../../server/model/instance/instance.ts'
import { instanceText } from '../../server/model/instance/instance-text.ts'

const word = fc.stringMatching(/^[!-~]{1,20}$/)
const label = fc.constantFrom('a', 'web-1', 'x9')
const registration = fc.record({
  address: fc.constantFrom('10.0.0.1', '2001:db8::1'),
  ports: fc.constantFrom([], [{ port: 1 }], [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' as const }]),
  labels: fc.dictionary(label, label),
  metadata: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 20 })),
  zone: label, region: label, version: fc.string({ minLength: 1, maxLength: 8 }), hostname: label, node: label,
  status: fc.constantFrom('up' as const, 'draining' as const, 'down' as const)
}, { requiredKeys: ['address'] })
const override: fc.Arbitrary<Override | undefined> = fc.option(fc.record({
  status: fc.constantFrom('down' as const, 'draining' as const), author: fc.string(), reason: fc.string(), createdAt: fc.constant('2026-01-01T00:00:00.000Z')
}), { nil: undefined })

t.test('the text of an instance around its stored text is what JSON.stringify gives', async (t) => {
  fc.assert(fc.property(registration, override, word, word, fc.boolean(), fc.nat(), (given, over, id, generation, suspect, revision) => {
    const { body, ttlMs } = bodyOf(given, undefined) // its absent fields are absent
    const instance = instanceOf(body, { namespace: 'shop', service: 'web', id, generation, ttlMs, createdAtMs: 1, updatedAtMs: revision, revision, suspect, override: over })
    return instanceText(instance, JSON.stringify(body)) === JSON.stringify(instance) && instanceText(instance, undefined) === JSON.stringify(instance)
  }))
  t.pass()
})
