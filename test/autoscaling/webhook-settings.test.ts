// Which webhooks a node has, and which of them an autoscaler gets: by settings, never by a manifest alone.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import type { DecisionListener } from '../../server/autoscaling/ports.ts'
import { openWebhooks } from '../../server/autoscaling/webhook/outlet.ts'
import { Webhooks } from '../../server/autoscaling/webhook/webhooks.ts'
import { loadConfig } from '../../server/config/config.ts'
import { printConfig } from '../../server/config/text.ts'
import { RegistryError } from '../../server/errors.ts'
import { HandClock } from '../support/hand-clock.ts'

const load = (...argv: string[]): ReturnType<typeof loadConfig> => loadConfig({ argv, env: {}, readFile: () => '', hostname: 'here' })

function faultsOf (act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return (error.errors ?? []).map(({ field, value, rule }) => `${field} ${rule}${typeof value === 'string' ? ` (${value})` : ''}`).join('\n')
  }
  return ''
}

t.test('a webhook has a name, or is the one for all; so has its secret', async (t) => {
  const { values } = load(
    '--autoscale-webhook=https://a.test/scale?team=x', '--autoscale-webhook=staging=http://10.0.0.9:8090/,tests=http://t.test/a=b',
    '--autoscale-webhook-secret-file=/run/all', '--autoscale-webhook-secret-file=staging=/run/staging')
  t.same(values.webhooks, [
    { name: 'default', url: 'https://a.test/scale?team=x', secretFile: '/run/all' },
    { name: 'staging', url: 'http://10.0.0.9:8090/', secretFile: '/run/staging' },
    { name: 'tests', url: 'http://t.test/a=b', secretFile: '/run/all' }
  ])
  t.same(load().values.webhooks, [])
})

t.test('what is wrong with a webhook is told by setting and rule', async (t) => {
  const secret = '--autoscale-webhook-secret-file=/run/all'
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [['--autoscale-webhook=https://a.test/'], /^--autoscale-webhook needs a secret: autoscale-webhook-secret-file for it, or for all \(default\)$/],
    [[secret], /^--autoscale-webhook-secret-file must be of a webhook: autoscale-webhook has none of this name \(default\)$/],
    [['--autoscale-webhook=https://a.test/', secret, '--autoscale-webhook-secret-file=b=/run/b'], /must be of a webhook.*\(b\)$/],
    [['--autoscale-webhook=https://a.test/', '--autoscale-webhook=https://b.test/', secret], /must give each name once \(default\)$/],
    [['--autoscale-webhook=Team=https://a.test/', secret], /must have a name of a-z, 0-9/],
    [['--autoscale-webhook=off=https://a.test/', secret], /must have another name: an autoscaler says "off" to have none \(off\)/],
    [['--autoscale-webhook==https://a.test/', secret], /must have a name of a-z, 0-9/],
    ...['ftp://a.test/', 'a.test', 'https://', 'https://user:pass@a.test/', 'https://a.test/#x', 'https://a.test/a b', 'https://a.test\\@b.test/', 'file:///etc/passwd']
      .map((url): [string[], RegExp] => [[`--autoscale-webhook=${url}`, secret], /^--autoscale-webhook must be \[NAME=\]URL, with http or https and without user/])
  ]
  for (const [argv, rule] of rows) t.match(faultsOf(() => load(...argv)), rule, argv.join(' '))
})

t.test('the secret in the query of a webhook is shown to nobody', async (t) => {
  const loaded = load('--autoscale-webhook=ops=https://a.test/?token=abcdef', '--autoscale-webhook-secret-file=/run/all')
  t.match(printConfig(loaded), 'ops=https://a.test/?token=***')
  t.notMatch(printConfig(loaded), 'abcdef')
  t.match(loaded.warnings.join('\n'), /--autoscale-webhook holds a secret, which every user of this machine can read/)
})

t.test('an autoscaler chooses among the names, or gets the one for all', async (t) => {
  const path = join(t.testdir({ secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}\n` }), 'secret')
  chmodSync(path, 0o600)
  const webhooks = new Webhooks([{ name: 'default', url: 'http://a.test/', secretFile: path }, { name: 'staging', url: 'http://b.test/', secretFile: path }], () => t.fail('no warning'))
  t.match(webhooks.choose(undefined), { name: 'default', url: 'http://a.test/' })
  t.match(webhooks.choose('staging'), { name: 'staging', url: 'http://b.test/' })
  t.equal(webhooks.choose('off'), undefined)
  for (const other of ['http://169.254.169.254/', 'constructor', '', 'Staging']) {
    t.equal(webhooks.choose(other), 'there is no webhook of this name (known: default, staging): nothing is posted', other)
  }
  t.equal(new Webhooks([], () => t.fail('no warning')).choose(undefined), undefined)
})

t.test('a secret may be replaced while the node runs; a file that is no use changes nothing', async (t) => {
  const path = join(t.testdir({ secret: '' }), 'secret')
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const line = (secret: Buffer): string => `whsec_${secret.toString('base64')}\n`
  const open = (): Webhooks => new Webhooks([{ name: 'default', url: 'http://a.test/', secretFile: path }], (message) => warnings.push(message))
  const warnings: string[] = []
  chmodSync(path, 0o600)
  t.match(faultsOf(open), /^autoscale-webhook-secret-file must hold 1-3 lines, each "whsec_"/)
  writeFileSync(path, line(first))
  chmodSync(path, 0o640)
  t.match(faultsOf(open), /must be readable by its owner alone: its mode is 640, make it 600/)
  chmodSync(path, 0o600)
  const webhook = open().choose(undefined)
  if (typeof webhook !== 'object') throw new Error('there is a webhook')
  t.same(webhook.secrets(), [first])
  writeFileSync(path, line(second) + line(first))
  t.same(webhook.secrets(), [second, first])
  writeFileSync(path, 'x')
  t.same(webhook.secrets(), [second, first])
  t.match(warnings, [/the secret of the webhook default could not be read again, the last one is used/])
  t.match(faultsOf(() => new Webhooks([{ name: 'default', url: 'http://a.test/', secretFile: join(path, 'none') }], () => t.fail('no warning'))), /must name a file that can be read \(ENOTDIR\)/)
})

t.test('decisions go to the webhook that their autoscaler chose; failures are told of it, and counted', async (t) => {
  const path = join(t.testdir({ secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}\n` }), 'secret')
  chmodSync(path, 0o600)
  const listeners = new Set<DecisionListener>()
  const register = new Registry()
  const events: string[] = []
  const warnings: string[] = []
  const posted: string[] = []
  const chosen: Record<string, Record<string, string>> = { a: {}, b: { 'rollcall.dev/autoscale-webhook': 'staging' }, c: { 'rollcall.dev/autoscale-webhook': 'http://a.test/' }, d: { 'rollcall.dev/autoscale-webhook': 'off' } }
  const outlet = openWebhooks({
    values: [{ name: 'default', url: 'http://a.test/', secretFile: path }, { name: 'staging', url: 'http://b.test/', secretFile: path }],
    decisions: {
      onDecision: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      open: () => []
    },
    autoscaler: (namespace, name) => (chosen[name] === undefined ? undefined : {
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { namespace, name, annotations: chosen[name] },
      spec: { scaleTargetRef: { kind: 'Deployment', name }, maxReplicas: 3 }
    }),
    clock: new HandClock(), register, version: '0', warn: (message) => warnings.push(message),
    event: ({ metadata: { name } }, { reason, message }) => events.push(`${name} ${reason} ${message}`),
    fetch: async (url) => {
      posted.push(url as string)
      return new Response(null, { status: url === 'http://a.test/' ? 204 : 410 })
    }
  })
  for (const name of ['a', 'b', 'c', 'd', 'gone']) {
    const decision = { namespace: 'shop', name, decisionId: `d-${name}`, sequence: 1, atMs: 0, from: 1, to: 2, reason: '', target: { kind: 'Deployment', name }, metrics: [] }
    for (const listener of listeners) listener.decided(decision)
  }
  await new Promise((resolve) => { setImmediate(resolve) })
  t.same(posted, ['http://a.test/', 'http://b.test/'])
  t.same(events, [
    'c UnknownWebhook rollcall.dev/autoscale-webhook: there is no webhook of this name (known: default, staging): nothing is posted',
    'b WebhookFailed decision d-b to the webhook staging: status 410; the next attempt is in 1m'
  ])
  t.equal(warnings.length, 2)
  const text = await register.metrics()
  for (const line of [
    'rollcall_autoscale_webhook_attempts_total{webhook="default",result="delivered"} 1', 'rollcall_autoscale_webhook_attempts_total{webhook="staging",result="refused"} 1',
    'rollcall_autoscale_webhook_attempts_total{webhook="staging",result="again"} 0', 'rollcall_autoscale_webhook_waiting 1', 'rollcall_autoscale_webhook_dropped_total 0'
  ]) t.ok(text.split('\n').includes(line), line)
  await outlet.close()
  t.equal(listeners.size, 0)
})
