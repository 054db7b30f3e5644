// Ingresses, certificates and autoscalers at the terminal, against a real registry in this process.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ingressAgentKeys } from '../../server/model/ingress/agent.ts'
import { dataAnnotation, fileAnnotations } from '../../server/model/ingress/ingress-text.ts'
import { tlsFactAnnotations, tlsFileAnnotations } from '../../server/model/ingress/tls-secret.ts'
import { selfSigned } from '../support/certificate.ts'
import { place } from './place.ts'

const squeezed = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ {2,}/g, ' ').trim())

t.test('an ingress and its certificate are created, shown, described and deleted', async (t) => {
  const { world, rollcall } = await place(t)
  const { cert, key } = selfSigned({ names: ['shop.example'], fromMs: world.clock.now() - 1_000, untilMs: world.clock.now() + 86_400_000 })
  const [certFile, keyFile] = [['cert', cert], ['key', key]].map(([name = '', text = '']) => {
    const path = join(t.testdir(), name)
    writeFileSync(path, text)
    return path
  })
  writeFileSync(certFile ?? '', cert)
  await world.register('default/web/a', { ports: [{ name: 'http', port: 8080 }] })
  t.same((await rollcall('create', 'secret', 'tls', 'shop-tls', '--certificate', certFile ?? '', '--private-key', keyFile ?? '')).out, ['secret/shop-tls created'])
  const created = await rollcall('create', 'ingress', 'shop', '--class', 'rollcall', '--rule', 'shop.example/*=web:80,tls=shop-tls', '--rule', 'shop.example/health=web:http,tls=shop-tls',
    '--rule', '/any=web:80', '--default-backend', 'web:80', '--annotation', 'rollcall.dev/ingress-timeout=30s')
  t.same(created.out, ['ingress/shop created'], created.err.join('\n'))
  t.match(JSON.parse((await rollcall('get', 'ingress', 'shop', '-o', 'json')).out.join('\n')), {
    metadata: { annotations: { 'rollcall.dev/ingress-timeout': '30s' } },
    spec: {
      ingressClassName: 'rollcall', defaultBackend: { service: { name: 'web', port: { number: 80 } } }, tls: [{ hosts: ['shop.example'], secretName: 'shop-tls' }],
      rules: [
        { host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix' }, { path: '/health', pathType: 'Exact', backend: { service: { port: { name: 'http' } } } }] } },
        { http: { paths: [{ path: '/any', pathType: 'Exact' }] } }
      ]
    }
  })
  t.match(squeezed((await rollcall('get', 'ing')).out), ['NAME CLASS HOSTS ADDRESS PORTS AGE', /^shop rollcall shop\.example - 80, 443 \S+$/])
  t.match(squeezed((await rollcall('get', 'secrets', '-o', 'wide')).out), ['NAME TYPE DATA NAMES NOT AFTER AGE', /^shop-tls kubernetes\.io\/tls 2 shop\.example \S+ \S+$/])
  const yaml = (await rollcall('get', 'secret', 'shop-tls', '-o', 'yaml')).out.join('\n')
  t.match([yaml.includes('\ndata:'), yaml.includes('uid:')], [false, false])
  t.match((await rollcall('get', 'secret', 'shop-tls', '-o', 'yaml', '--show-secrets')).out.join('\n'), Buffer.from(key).toString('base64').slice(0, 40))
  t.equal((await rollcall('get', 'secrets', '--show-secrets')).exitCode, 2)
  await rollcall('create', 'ingress', 'younger', '--rule', 'shop.example/*=nowhere:80')
  t.match(squeezed((await rollcall('describe', 'ingress', 'shop')).out), [
    'Name: shop', 'Namespace: default', 'Labels: <none>', /^Annotations: /, 'Ingress Class: rollcall', /^Address: <none>/, 'Default backend: web:80 (1/1 endpoints ready)',
    'TLS: shop-tls terminates shop.example', 'Rules: shop.example Prefix / web:80 (1/1 endpoints ready)', 'shop.example Exact /health web:http (1/1 endpoints ready)',
    '* Exact /any web:80 (1/1 endpoints ready)', 'Conflicts: Prefix / of shop.example is asked for by ingress default/younger, too, which is younger and does not get it', /.*/, /.*/, /ingress shop in default was declared/
  ])
  t.match((await rollcall('describe', 'ing', 'younger')).out.join('\n'), /nowhere:80 \(<there is no such service>\)[^]*is served by ingress default\/shop, which is older/)
  const problems = [
    { ingress: 'default/younger', reason: 'NoService', message: 'there is no service nowhere' }, { ingress: 'shop/younger', reason: 'Other', message: 'of another one' }
  ]
  await world.register('rollcall-system/ingress/m1-80', { address: '10.0.0.9', node: 'm1', metadata: { [ingressAgentKeys.problems]: JSON.stringify(problems) } })
  t.match(squeezed((await rollcall('describe', 'ing', 'younger')).out).filter((line) => line.startsWith('Problems')), ['Problems: NoService: there is no service nowhere (on m1)'])
  t.same((await rollcall('delete', 'ingress', 'younger')).out, ['ingress/younger deleted'])
  t.same((await rollcall('delete', 'secret', 'shop-tls')).out, ['secret/shop-tls deleted'])
})

t.test('an autoscaler is shown as it changes, and described', async (t) => {
  const { world, rollcall, begin, piped } = await place(t)
  const watch = begin('get', 'hpa', '-w')
  const manifest = (maxReplicas: number): string => JSON.stringify({
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace: 'default' },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }
  })
  await piped(manifest(5), 'apply', '-f', '-')
  await watch.line(/^web +Deployment\/web +cpu: <unknown>\/80% +1 +5 +0 /)
  await world.access.setStatus([{
    kind: 'HorizontalPodAutoscaler', namespace: 'default', name: 'web', status: {
      currentReplicas: 2, desiredReplicas: 4, currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 95 } } }],
      conditions: [{ type: 'AbleToScale', status: 'True', reason: 'SucceededRescale', message: 'the desired number is 4' }]
    }
  }])
  await watch.line(/^web +Deployment\/web +cpu: 95%\/80% +1 +5 +2 /)
  t.match(squeezed((await rollcall('describe', 'hpa', 'web')).out), [
    'Name: web', 'Namespace: default', 'Labels: <none>', 'Annotations: <none>', /^Created: /, 'Reference: Deployment/web', 'Metrics: resource cpu on pods: 95%/80% (current / target)',
    'Min replicas: 1', 'Max replicas: 5', 'Behavior: scale up: window 0 s, Max of 4 instances in 15 s, 100 % in 15 s', 'scale down: window 60 s, Max of 100 % in 15 s',
    'Replicas: 2 current / 4 desired', 'Conditions: AbleToScale=True SucceededRescale: the desired number is 4', '', /^AGE/, /autoscaler web in default was declared/
  ])
  await rollcall('delete', 'hpa', 'web')
  await watch.line(/^web .* removed$/)
  await watch.interrupt()
})

t.test('what cannot be created is said', async (t) => {
  const { rollcall } = await place(t)
  const table: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['ingress', 'x'], /--rule or --default-backend is missing/], [['ingress', 'x', '--rule', 'shop.example=web:80'], /--rule must be HOST\/PATH=SERVICE:PORT/],
    [['ingress', 'x', '--rule', 'a/=web'], /--rule must name SERVICE:PORT/], [['ingress', 'x', '--rule', 'a/=web:80,ssl'], /--rule must be/], [['ingress', 'X', '--rule', 'a/=web:80'], /the name of the ingress/],
    [['ingress', 'x', '--rule', 'a/=web:80', '--private-key', 'f'], /--private-key is not for an ingress/], [['secret', 'generic', 'x'], /a secret is one of a certificate here/],
    [['secret', 'tls', 'x'], /--certificate is missing/], [['secret', 'tls', 'x', '--certificate', '/nowhere', '--private-key', '/nowhere'], /--certificate: ENOENT/], [['pod', 'x'], /cannot be created here/],
    [['ingress', 'x', '--rule', 'a/=web:80', '--annotation', 'rollcall.dev/ingress-time=1s'], /is not known: known are rollcall.dev\/ingress-timeout/]
  ]
  for (const [args, says] of table) {
    const { exitCode, err } = await rollcall('create', ...args)
    t.match(err.join('\n'), says, args.join(' '))
    t.ok(exitCode > 0, args.join(' '))
  }
})

t.test('the names that tables read are those that the registry writes', async (t) => {
  t.equal(dataAnnotation, tlsFactAnnotations.data)
  t.same(fileAnnotations, tlsFileAnnotations)
})
