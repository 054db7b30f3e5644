// Certificates of clients are identities: by one rule for all of them, on real connections of TLS, and a token that is sent along counts
// instead.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { certificateIdentity } from '../../server/access/certificate-identity.ts'
import { run } from '../../server/cli/run.ts'
import { clientCertificateOf } from '../../server/http/server/client-certificate.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { lacking } from '../support/programs.ts'
import { bearer, build, tokenOf } from '../support/world.ts'

const names = (...given: (readonly [string, string])[]): { type: string, value: string }[] => given.map(([type, value]) => ({ type, value }))

t.test('the rule says which name of a certificate counts, and one without it opens nothing', async (t) => {
  const all = { names: names(['email', 'ann@example.org'], ['DNS', 'orders.example'], ['DNS', 'second.example'], ['URI', 'spiffe://example/orders']), commonName: 'orders' }
  for (const [rule, name] of [['san', 'spiffe://example/orders'], ['uri', 'spiffe://example/orders'], ['dns', 'orders.example'], ['email', 'ann@example.org'], ['cn', 'orders']] as const) {
    t.equal(certificateIdentity(all, rule), name, rule)
  }
  for (const [rule, shown] of [
    ['san', { names: names(['IP', '10.0.0.1']), commonName: 'orders' }], ['uri', { names: names(['DNS', 'a.example']), commonName: 'a' }], ['cn', { names: [], commonName: undefined }],
    ['dns', { names: names(['DNS', '*.example']), commonName: undefined }], ['cn', { names: [], commonName: 'a b' }], ['cn', { names: [], commonName: 'a"}' }], ['cn', { names: [], commonName: 'x'.repeat(300) }]
  ] as const) t.throws(() => certificateIdentity(shown, rule), { code: 'REG_UNAUTHENTICATED', message: new RegExp(`--certificate-identity ${rule}`) }, JSON.stringify(shown).slice(0, 60))
})

t.test('a client with a certificate of the CA is who it says, in policies too', { skip: lacking('openssl') }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'rollcall-mtls-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const rollcall = async (...argv: string[]): Promise<void> => {
    t.equal(await run(argv, {
      env: {}, hostname: 'm', user: 'u', colours: false, now: Date.now, signal: new AbortController().signal, readFile: (path) => readFileSync(path, 'utf8'),
      readDirectory: () => undefined, readInput: async () => '', out: () => undefined, err: () => undefined
    }), 0, argv.join(' '))
  }
  await rollcall('certificate', 'ca', '-d', home)
  await rollcall('certificate', 'issue', 'node', '--host', '127.0.0.1', '-d', home)
  await rollcall('certificate', 'issue', 'orders', '--uri', 'spiffe://example/shop/orders', '-d', home)
  const file = (name: string): string => readFileSync(join(home, name), 'utf8')
  t.match(execFileSync('openssl', ['x509', '-in', join(home, 'orders.pem'), '-noout', '-text'], { encoding: 'utf8' }), /spiffe:\/\/example\/shop\/orders/)
  const world = await build(t, { control: { mode: 'on' }, certificateOf: clientCertificateOf })
  const [url = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: { cert: file('node.pem'), key: file('node-key.pem'), ca: file('ca.pem') } })
  const who = (client: object, headers: Record<string, string> = {}): Promise<any> => new Promise((resolve, reject) => {
    get(`${url}/v1/whoami`, { ca: file('ca.pem'), ...client, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => resolve(JSON.parse(text)))
    }).on('error', reject)
  })
  const pair = { cert: file('orders.pem'), key: file('orders-key.pem') }
  t.match(await who(pair), { subject: 'certificate:spiffe://example/shop/orders', kind: 'certificate' })
  t.match(await who({}), { subject: 'anonymous' }, 'without one it is nobody')
  t.match(await who(pair, bearer(await tokenOf(world, 'ann', []))), { subject: 'token:ann' }, 'a token counts instead')
  await world.access.apply(readManifests('apiVersion: rollcall.dev/v1\nkind: Policy\nmetadata: { name: p }\nspec: { subjects: ["certificate:spiffe://example/shop/*"], rules: [{ role: reader, namespaces: [shop] }] }\n'))
  t.match(await who(pair), { sources: ['policy p'] })
})
