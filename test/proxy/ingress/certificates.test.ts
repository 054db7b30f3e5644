// The certificates of secrets: which are served, what is said of the others, when they end; and those that are files.
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CertificateBook, type Material, maxCertificates } from '../../../server/proxy/ingress/agent/certificate-book.ts'
import { CertificateFiles, lookMs } from '../../../server/proxy/ingress/agent/certificate-files.ts'
import { certificateNotices } from '../../../server/proxy/ingress/agent/ingress-notices.ts'
import { selfSigned } from '../../support/certificate.ts'
import { temporaryDirectory } from '../../support/closable.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { ingressOf } from './helper.ts'

const dayMs = 86_400_000
const startMs = Date.UTC(2026, 0, 1)
const pair = (days: number, names = ['a.example'], fromMs = startMs - dayMs) => selfSigned({ names, fromMs, untilMs: startMs + days * dayMs })

function book () {
  const clock = new HandClock(startMs)
  const said: string[] = []
  const say = (_: object, message: string): void => void said.push(message)
  let changes = 0
  const made = new CertificateBook({ clock, log: { info: say, warn: say, error: say }, changed: () => { changes++ } })
  return { clock, said, made, changes: () => changes, set: (all: Readonly<Record<string, Material>>) => made.set(new Map(Object.entries(all))) }
}

t.test('what is no use is not served and says why; the others are', (t) => {
  const { made, set, said } = book()
  const good = pair(90)
  set({
    'shop/good': good, 'shop/mixed': { cert: good.cert, key: pair(90).key }, 'shop/expired': pair(-1, ['a.example'], startMs - 9 * dayMs),
    'shop/early': pair(90, ['a.example'], startMs + dayMs), 'shop/garbage': { cert: 'x', key: 'y' }, 'shop/no-key': { cert: good.cert, key: '' },
    'shop/torn': { cert: `${good.cert.slice(0, 200)}\n-----END CERTIFICATE-----\n`, key: good.key }, 'shop/away': { problem: 'is in the file x, which cannot be read (ENOENT)' }
  })
  t.strictSame([...made.served().keys()], ['shop/good'])
  for (const [secret, host, problem] of [
    ['shop/good', 'a.example', undefined], ['shop/good', 'b.example', /is for a\.example and not for b\.example/], ['shop/mixed', undefined, /key cannot be used together/],
    ['shop/expired', undefined, /has expired at 2025-12-31/], ['shop/early', undefined, /is not valid before 2026-01-02/], ['shop/garbage', undefined, /not in PEM form/],
    ['shop/no-key', undefined, /key that is not in PEM form/], ['shop/torn', undefined, /cannot be read/], ['shop/away', undefined, /ENOENT/], ['shop/none', undefined, /no such secret/]
  ] as const) {
    const found = made.problem(secret, host)
    if (problem === undefined) t.equal(found, undefined, secret)
    else t.match(found, problem, secret)
  }
  t.notOk(said.some((line) => line.includes('PRIVATE KEY')))
  t.match(certificateNotices([ingressOf('web', ['a.example', 'b.example'], 'good')], made), [{ ingress: 'shop/web', reason: 'BadCertificate', message: /not for b\.example/ }])
  made.close()
  t.end()
})

t.test('a certificate for a wildcard is one for each host of it', (t) => {
  const { made, set } = book()
  set({ 'shop/any': pair(90, ['*.a.example']) })
  for (const [host, isFor] of [['*.a.example', true], ['x.a.example', true], ['a.example', false], ['*.x.a.example', false], ['*.b.example', false]] as const) {
    t.equal(made.problem('shop/any', host) === undefined, isFor, host)
  }
  made.close()
  t.end()
})

t.test('a new one that is no use does not take the place of one that is, the same again is no change', (t) => {
  const { made, set, said } = book()
  const [first, second] = [pair(90), pair(90)]
  t.ok(set({ 'shop/a': first }))
  t.notOk(set({ 'shop/a': { ...first } }))
  t.notOk(set({ 'shop/a': { cert: first.cert, key: second.key } }))
  t.equal(made.served().get('shop/a')?.cert, first.cert)
  t.match(made.problem('shop/a', 'a.example'), /its new certificate .* the one before is served/)
  t.ok(set({ 'shop/a': second }))
  t.equal(made.problem('shop/a', 'a.example'), undefined)
  t.match(said.at(-1), /the new certificate of the secret shop\/a is served/)
  t.ok(set({}))
  t.equal(made.served().size, 0)
  made.close()
  t.end()
})

t.test('before its end it is said, at its end it is not served any more, and one that becomes valid is', (t) => {
  const { clock, said, made, set, changes } = book()
  set({ 'shop/a': pair(30), 'shop/b': pair(90, ['a.example'], startMs + 2 * dayMs) })
  said.length = 0
  t.strictSame([...made.served().keys()], ['shop/a'])
  clock.advance(3 * dayMs)
  t.strictSame([...made.served().keys()], ['shop/a', 'shop/b'])
  clock.advance(7 * dayMs)
  clock.advance(14 * dayMs)
  t.match(said.filter((line) => line.includes('shop/a expires')), [/expires in 2[01] days/, /expires in [67] days/])
  t.equal(Math.round((made.expirySeconds().get('shop/a') ?? 0) / 86_400), 6)
  clock.advance(7 * dayMs)
  t.strictSame([...made.served().keys()], ['shop/b'])
  t.match(made.problem('shop/a'), /has expired/)
  t.equal(changes(), 2)
  made.close()
  t.end()
})

t.test('a thousand are served, the next one says so', (t) => {
  const { made, set } = book()
  const one = pair(90)
  set(Object.fromEntries(Array.from({ length: maxCertificates + 1 }, (_, index) => [`shop/s${index}`, one])))
  t.equal(made.served().size, maxCertificates)
  t.match(made.problem(`shop/s${maxCertificates}`), /serves 1000 certificates already/)
  made.close()
  t.end()
})

t.test('files are read within the directory alone, and again when they have changed and stand still', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = join(root, 'tls')
  await mkdir(directory)
  const [one, two] = [pair(90), pair(90)]
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(directory, `${name}.new`), text)
    await rename(join(directory, `${name}.new`), join(directory, name))
  }
  await write('a.crt', one.cert)
  await write('a.key', one.key)
  await writeFile(join(root, 'outside.key'), one.key)
  await symlink(join(root, 'outside.key'), join(directory, 'link.key'))
  let changes = 0
  const clock = new HandClock()
  const files = new CertificateFiles({ directory, clock, changed: () => { changes++ } })
  const at = (name: string): string => join(directory, name)
  await files.set(new Map([
    ['shop/a', { certificateFile: at('a.crt'), keyFile: at('a.key') }], ['shop/out', { certificateFile: at('a.crt'), keyFile: join(root, 'outside.key') }],
    ['shop/link', { certificateFile: at('a.crt'), keyFile: at('link.key') }], ['shop/up', { certificateFile: '../outside.key', keyFile: at('a.key') }],
    ['shop/none', { certificateFile: at('none.crt'), keyFile: at('a.key') }], ['shop/directory', { certificateFile: directory, keyFile: at('a.key') }]
  ]))
  t.strictSame(files.material('shop/a'), { cert: one.cert, key: one.key })
  for (const [secret, problem] of [
    ['shop/out', /not within/], ['shop/link', /not within/], ['shop/up', /not within/], ['shop/none', /ENOENT/], ['shop/directory', /not within/]
  ] as const) t.match(files.material(secret), { problem }, secret)
  await write('a.crt', two.cert)
  await write('a.key', two.key)
  await files.look()
  t.strictSame(files.material('shop/a'), { cert: one.cert, key: one.key }, 'they may still be written')
  await files.look()
  t.strictSame(files.material('shop/a'), { cert: two.cert, key: two.key })
  t.equal(changes, 1)
  await files.look()
  t.equal(changes, 1)
  t.equal(clock.waiting, 1, `looked at again in ${lookMs} ms`)
  files.close()
  t.equal(clock.waiting, 0)
  const nowhere = new CertificateFiles({ directory: undefined, clock, changed: () => undefined })
  await nowhere.set(new Map([['shop/a', { certificateFile: at('a.crt'), keyFile: at('a.key') }]]))
  t.match(nowhere.material('shop/a'), { problem: /this machine reads none \(--ingress-certificates\)/ })
  nowhere.close()
})
