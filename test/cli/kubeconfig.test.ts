import t from 'tap'
import { parse } from 'yaml'
import { createShell, type Shell, type ShellOptions } from './helper.ts'

const certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

function shellOf (url: string | undefined, options: ShellOptions = {}): Shell {
  const shell = createShell({ ...options, env: { HOME: '/home/ann', ...options.env } })
  if (url !== undefined) shell.registry.register('default', 'kubernetes', 'node-1', { address: '10.0.0.5', ports: [{ name: 'https', port: 7443 }], metadata: { 'rollcall.dev/kubernetes-url': url } })
  return shell
}

t.test('what kubectl needs is printed, as the registry says where it answers', async (t) => {
  const { rollcall } = shellOf('http://127.0.0.1:7443')
  const { exitCode, out } = await rollcall('kubeconfig', '-n', 'shop')
  t.equal(exitCode, 0)
  t.same(parse(out.join('\n')), {
    apiVersion: 'v1', kind: 'Config', 'current-context': 'rollcall',
    clusters: [{ name: 'rollcall', cluster: { server: 'http://127.0.0.1:7443', 'insecure-skip-tls-verify': true } }], users: [{ name: 'rollcall', user: {} }],
    contexts: [{ name: 'rollcall', context: { cluster: 'rollcall', user: 'rollcall', namespace: 'shop' } }]
  })
})

t.test('over TLS it has the token and the CA; without TLS it says that the token is not sent', async (t) => {
  const { rollcall } = shellOf('https://registry.example:7443', { files: { 'ca.pem': certificate, 'key.pem': 'no certificate', token: 'rc_1' } })
  const secure = await rollcall('kubeconfig', '--certificate-authority', 'ca.pem', '--token-file', 'token', '--name', 'prod')
  t.match(parse(secure.out.join('\n')), {
    clusters: [{ name: 'prod', cluster: { server: 'https://registry.example:7443', 'certificate-authority-data': Buffer.from(certificate).toString('base64') } }], users: [{ user: { token: 'rc_1' } }]
  })
  const plain = await rollcall('kubeconfig', '--server', 'http://127.0.0.1:1/', '--token-file', 'token')
  t.match(plain.err.join(), /kubectl sends no token without TLS/)
  t.match(parse(plain.out.join('\n')).clusters[0].cluster.server, 'http://127.0.0.1:1')
  for (const [args, message] of [
    [['--certificate-authority', 'none.pem'], /must name a file that can be read/], [['--certificate-authority', 'key.pem'], /certificates in PEM form/], [['--server', 'ftp://x'], /http or https URL/], [['--name', 'a b'], /--name must be/]
  ] as const) {
    const { exitCode, err } = await rollcall('kubeconfig', ...args)
    t.equal(exitCode, 2)
    t.match(err.join(), message)
  }
})

t.test('merged into the file of kubectl it is the current context, and all else stays', async (t) => {
  const { rollcall, kept } = shellOf('http://127.0.0.1:7443')
  const path = '/home/ann/.kube/config'
  const before = { apiVersion: 'v1', kind: 'Config', preferences: { colors: true }, clusters: [{ name: 'other', cluster: { server: 'https://other' } }, { name: 'rollcall', cluster: { server: 'http://old' } }], users: [], contexts: [{ name: 'other', context: { cluster: 'other' } }], 'current-context': 'other' }
  kept.set(path, { text: `# mine\n${JSON.stringify(before)}\n`, mode: 0o100600 })
  t.match((await rollcall('kubeconfig', '--merge')).out.join(), /context "rollcall" is in \/home\/ann\/.kube\/config, and in use/)
  const text = kept.get(path)?.text ?? ''
  t.match(text, /^# mine/)
  t.match(parse(text), {
    preferences: { colors: true }, 'current-context': 'rollcall', clusters: [{ name: 'other' }, { name: 'rollcall', cluster: { server: 'http://127.0.0.1:7443' } }],
    contexts: [{ name: 'other' }, { name: 'rollcall' }], users: [{ name: 'rollcall' }]
  })
  kept.set(path, { text: '[]', mode: 0o100600 })
  t.match((await rollcall('kubeconfig', '--merge')).err.join(), /is no kubeconfig/)
  t.equal(kept.get(path)?.text, '[]')
})

t.test('a registry that answers no client of Kubernetes says how it would', async (t) => {
  const { exitCode, err } = await shellOf(undefined).rollcall('kubeconfig')
  t.equal(exitCode, 1)
  t.match(err.join(), /start one with --kubernetes HOST:PORT/)
})
