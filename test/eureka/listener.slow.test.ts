// The listener: what its settings must be, TLS with a certificate that is taken anew, and what the ready line says.
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import t from 'tap'
import { RegistryError } from '../../server/errors.ts'
import { type LoadedConfig, loadConfig } from '../../server/config/config.ts'
import { selfSigned } from '../support/certificate.ts'
import { temporaryDirectory } from '../support/closable.ts'
import { startNode } from '../support/processes.ts'

const load = (...argv: string[]): LoadedConfig => loadConfig({ argv, env: {}, readFile: () => '', hostname: 'here' })

t.test('it is off unless it is asked for, and closed to others unless access to it is controlled', async (t) => {
  t.equal(load().values.eureka, undefined)
  t.strictSame(load('--eureka', '127.0.0.1:8761').values.eureka, { listen: { host: '127.0.0.1', port: 8761 }, namespace: 'default', tls: undefined })
  t.equal(load('--eureka', 'off').values.eureka, undefined)
  t.match(load('--eureka', '127.0.0.1:1', '--eureka-namespace', 'shop', '--eureka-tls-cert', 'c', '--eureka-tls-key', 'k').values.eureka, {
    namespace: 'shop', tls: { name: 'eureka-tls', certFile: 'c', keyFile: 'k' }
  })
  for (const [argv, message] of [
    [['--eureka', '0.0.0.0:8761'], /--eureka must be a loopback address .*whoever reaches it could register, change and remove instances.*serve --eureka 0\.0\.0\.0:8761 --access on/],
    [['--eureka', '127.0.0.1:1', '--eureka-tls-cert', 'c'], /--eureka-tls-cert needs eureka-tls-key too/], [['--eureka', '127.0.0.1:1', '--eureka-tls-key', 'k'], /--eureka-tls-key needs eureka-tls-cert too/],
    [['--eureka-tls-cert', 'c', '--eureka-tls-key', 'k'], /--eureka-tls-cert needs eureka too/], [['--eureka-namespace', 'No Label'], /--eureka-namespace must be an RFC 1123 label/], [['--eureka', '8761'], /--eureka must be HOST:PORT/]
  ] as const) {
    try {
      load(...argv)
      t.fail(argv.join(' '))
    } catch (error) {
      t.ok(error instanceof RegistryError && message.test(error.message), argv.join(' '))
    }
  }
  t.match(load('--eureka-namespace', 'shop').warnings, [/eureka-namespace shop is of no use/])
  const open = ['--eureka', '0.0.0.0:8761', '--access', 'on', '--token-file', 't']
  t.match(load(...open).warnings, [/eureka listens on 0\.0\.0\.0:8761 without TLS: tokens that are sent there can be read/])
  t.strictSame(load(...open, '--eureka-tls-cert', 'c', '--eureka-tls-key', 'k').warnings, [])
})

t.test('with a certificate it speaks TLS, and takes a new one at SIGHUP', async (t) => {
  const directory = await temporaryDirectory(t)
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const write = (name: string): string => {
    const pair = selfSigned({ name })
    writeFileSync(files.key, pair.key, { mode: 0o600 })
    writeFileSync(files.cert, pair.cert)
    return pair.cert
  }
  const first = write('first')
  const node = await startNode(t, ['--data', directory, '--eureka', '127.0.0.1:0', '--eureka-tls-cert', files.cert, '--eureka-tls-key', files.key])
  const { eureka } = JSON.parse(await node.line(/"msg":"ready"/)) as { eureka: string }
  t.match(eureka, /^https:\/\/127\.0\.0\.1:\d+$/)
  const get = (ca: string): Promise<number | undefined> => new Promise((resolve, reject) => {
    request(`${eureka}/eureka/apps`, { ca, agent: false, servername: 'localhost' }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject).end()
  })
  t.equal(await get(first), 200)
  const second = write('second')
  process.kill(node.pid, 'SIGHUP')
  await node.line(/SIGHUP: the log level is set, certificates and tokens are read again/)
  t.equal(await get(second), 200)
  await t.rejects(get(first))
})
