// The certificate of a listener while it listens: its files change, and its days go by.
import { chmodSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import { type CertificateFiles, readCertificate } from '../../server/tls/certificate.ts'
import { KeptCertificate, calendarMs, lookMs } from '../../server/tls/kept-certificate.ts'
import { observeCertificates } from '../../server/tls/metrics.ts'
import { type CertificateOptions, type Pair, authority, selfSigned } from '../support/certificate.ts'
import { HandClock } from '../support/hand-clock.ts'

const dayMs = 86_400_000
type Place = { testdir (): string, teardown (end: () => unknown): void }

/** One whose end is far away. */
const lasting = (options: CertificateOptions = {}): Pair => selfSigned({ untilMs: Date.now() + 90 * dayMs, ...options })

interface Kept {
  readonly kept: KeptCertificate
  readonly files: CertificateFiles
  readonly clock: HandClock
  readonly lines: string[]
  readonly taken: string[]
  readonly put: (pair: Pair) => void
  /** Lets looks pass until there are so many lines. */
  readonly until: (lines: number) => Promise<void>
  /** Lets some looks pass. */
  readonly looks: () => Promise<void>
}

async function keep (t: Place, pair: Pair, nowMs = Date.now()): Promise<Kept> {
  const directory = t.testdir()
  const files = { name: 'http-tls', certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') }
  const put = ({ cert, key }: Pair): void => {
    writeFileSync(files.certFile, cert)
    writeFileSync(files.keyFile, key, { mode: 0o600 })
  }
  put(pair)
  const clock = new HandClock(nowMs)
  const lines: string[] = []
  const taken: string[] = []
  const line = (level: string) => (_: object, message: string): void => { lines.push(`${level}: ${message}`) }
  const kept = new KeptCertificate({ files, clock, log: { info: line('info'), warn: line('warn'), error: line('error') } })
  t.teardown(() => kept.close())
  await kept.watch(({ cert }) => taken.push(cert))
  const look = async (): Promise<void> => {
    const before = clock.waiting
    clock.advance(lookMs)
    while (clock.waiting < before) await new Promise((resolve) => setImmediate(resolve)) // the next look is set when this one is over
  }
  return {
    kept, files, clock, lines, taken, put,
    until: async (count) => { while (lines.length < count) await look() },
    looks: async () => { for (let n = 0; n < 4; n++) await look() }
  }
}

t.test('files that change are read again, once, and a pair that is no use changes nothing', async (t) => {
  const first = lasting()
  const { kept, files, put, until, looks, lines, taken } = await keep(t, first)
  await looks()
  t.same([lines, taken], [[], []])

  const second = lasting()
  put(second)
  await until(1)
  t.match(lines, ['info: the new certificate of http-tls is taken'])
  t.same(taken, [second.cert])
  t.equal(kept.current.cert, second.cert)

  const third = lasting()
  writeFileSync(files.certFile, third.cert) // and not its key
  await until(2)
  t.match(lines[1], /^error: the files of http-tls have changed, and the certificate from before stays in use: .*key/)
  await looks()
  t.equal(lines.length, 2, 'it is said once')
  t.equal(kept.current.cert, second.cert)
  writeFileSync(files.keyFile, third.key)
  await until(3)
  t.same(taken, [second.cert, third.cert])

  rmSync(files.certFile)
  await until(4)
  t.match(lines[3], /ENOENT/)
  writeFileSync(files.certFile, 'none')
  await until(5)
  t.match(lines[4], /must be a certificate and its key in PEM form/)
  put(selfSigned({ fromMs: Date.now() - 2 * dayMs, untilMs: Date.now() - dayMs }))
  await until(6)
  t.match(lines[5], /http-tls-cert must be valid, and has expired/)
  put(lasting({ fromMs: Date.now() + dayMs }))
  await until(7)
  t.match(lines[6], /http-tls-cert must be valid, and is so from/)
  t.equal(kept.current.cert, third.cert)
})

t.test('a link that is swapped, as certbot and Kubernetes do, is a change', async (t) => {
  const { files, lines, taken, until } = await keep(t, lasting())
  const other = lasting()
  for (const [path, text] of [[files.certFile, other.cert], [files.keyFile, other.key]] as const) {
    writeFileSync(`${path}.2`, text, { mode: 0o600 })
    symlinkSync(`${path}.2`, `${path}.link`)
    renameSync(`${path}.link`, path)
  }
  await until(1)
  t.match(lines, [/is taken/])
  t.same(taken, [other.cert])
})

t.test('SIGHUP reads other files, and changes nothing before all are known to be good', async (t) => {
  const { kept, files, taken, looks, lines } = await keep(t, lasting())
  const other = lasting()
  const elsewhere = { ...files, certFile: `${files.certFile}.2`, keyFile: `${files.keyFile}.2` }
  t.throws(() => kept.prepare(elsewhere), { code: 'REG_INVALID', errors: [{ field: 'http-tls-cert', rule: /ENOENT/ }] })
  writeFileSync(elsewhere.certFile, other.cert)
  writeFileSync(elsewhere.keyFile, other.key, { mode: 0o600 })
  const take = kept.prepare(elsewhere)
  t.same(taken, [])
  take()
  t.same(taken, [other.cert])
  await looks()
  t.same(lines, [])
})

t.test('the log warns 21 and 7 days before the end, and a metric says how long it is', async (t) => {
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000
  const leaf = authority()
  const { kept, clock, lines } = await keep(t, leaf.issue({ untilMs: nowMs + 30 * dayMs }), nowMs)
  const register = new Registry()
  observeCertificates(register, [kept], clock)
  t.match(await register.metrics(), `rollcall_certificate_expiry_seconds{listener="http-tls"} ${30 * 86_400}\n`)
  const said = (days: number): string[] => {
    for (let hours = 0; hours < days * 24; hours++) {
      clock.jump(calendarMs - 1)
      clock.hasten(1)
      clock.jump(1)
    }
    return lines.splice(0)
  }
  t.same(said(8), [])
  t.match(said(2), [/^warn: the certificate of http-tls expires in 2[01] days$/])
  t.same(said(12), [])
  t.match(said(2), [/^warn: the certificate of http-tls expires in [67] days$/])
  t.match(said(7), [/^warn: .* expires in 2\d hours$/, /^error: the certificate of http-tls has expired: clients refuse it$/])
  t.match(await register.metrics(), /rollcall_certificate_expiry_seconds{listener="http-tls"} -\d+/)
})

t.test('the earliest end of a chain counts', async (t) => {
  const untilMs = Math.floor(Date.now() / 1_000) * 1_000 + 3 * dayMs
  const directory = t.testdir()
  const pair = selfSigned({ untilMs: untilMs + dayMs })
  const files = { name: 'dns-tls', certFile: join(directory, 'c'), keyFile: join(directory, 'k') }
  writeFileSync(files.certFile, `${pair.cert}\n${selfSigned({ untilMs }).cert}`)
  writeFileSync(files.keyFile, pair.key)
  t.equal(readCertificate(files).expiresAtMs, untilMs)
})

t.test('a key that others may read is warned of', async (t) => {
  const { put, files, lines, until } = await keep(t, lasting())
  t.same(lines, [])
  chmodSync(files.keyFile, 0o644)
  put(lasting())
  await until(2)
  t.match(lines[0], /^warn: .*key\.pem holds a private key and is open to other users of this machine \(mode 0644\): chmod 0600 /)
})

t.test('a file of CAs that holds none is refused by the name of its setting', async (t) => {
  const directory = t.testdir()
  const { cert, key } = lasting()
  const files = { name: 'http-tls', certFile: join(directory, 'c'), keyFile: join(directory, 'k'), caFile: join(directory, 'a') }
  writeFileSync(files.certFile, cert)
  writeFileSync(files.keyFile, key)
  for (const text of ['', 'none', key]) {
    writeFileSync(files.caFile, text)
    t.throws(() => readCertificate(files), { code: 'REG_INVALID', errors: [{ field: 'http-tls-client-ca', rule: /must hold one or several certificates/ }] })
  }
})
