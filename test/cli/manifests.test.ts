// apply and delete with the files that people have: other namespaces, foreign kinds, directories with a kustomization,
// empty files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { place } from './place.ts'

function directory (t: Test, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-manifests-'))
  t.teardown(() => { rmSync(path, { recursive: true, force: true }) })
  mkdirSync(path, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

const service =
  (name: string, metadata = ''): string =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}${metadata}}\nspec: {clusterIP: None, ports: [{port: 80}]}\n`
const deployment =
  (name: string): string => `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec: {replicas: 3}\n`
const job = 'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\n'
const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {password: x}\n'

t.test('-n that differs from the manifest\'s namespace is refused, for apply and delete, and nothing is done',
  async (t) => {
    const { piped, rollcall } = await place(t)
    await piped(service('web'), 'apply', '-f', '-')
    const stream = `${service('other')}---\n${service('web', ', namespace: default')}`
    for (const command of ['apply', 'delete']) {
      const refused = await piped(stream, command, '-f', '-', '-n', 'staging')
      t.match(refused,
        { exitCode: 1, out: [],
          err: [/^rollcall: nothing was (applied|deleted): 1 error/,
            /document 2, line 8: metadata.namespace .*the namespace from the provided object "default" does not match the namespace "staging"/] }, command)
    }
    t.same((await rollcall('get', 'services', '-A', '-o', 'name')).out, ['web'])
    t.match(await piped(stream, 'apply', '-f', '-', '-n', 'default'),
      { exitCode: 0, out: ['service/other created', 'service/web unchanged'] })
    t.match(await piped(service('web'), 'apply', '-f', '-', '-n', 'staging'),
      { exitCode: 0, out: ['service/web created'] }, 'one that names none is in it')
    t.match(await piped('apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n', 'apply', '-f', '-', '-n',
      'staging'),
    { exitCode: 0 }, 'a Namespace is in none')
  })

t.test('a file from a tutorial is applied as far as it is understood, with one warning for each foreign kind; --strict refuses it; delete the same', async (t) => {
  const { piped } = await place(t)
  const tutorial =
    [deployment('web'), service('web'), job, secret, deployment('db'),
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: listed}, spec: {clusterIP: None}}\n`].join('---\n')
  const warnings = [
    'Warning: Deployment (apps/v1) is not a kind of the registry, and passed over: document 1, line 1, and 1 more',
    'Warning: CronJob (batch/v1) is not a kind of the registry, and passed over: document 3, line 11',
    'Warning: Secret (v1) is not a kind of the registry, and passed over: document 4, line 15',
    'Warning: ConfigMap (v1) is not a kind of the registry, and passed over: document 6, line 28'
  ]
  t.match(await piped(tutorial, 'apply', '-f', '-', '--strict'),
    { exitCode: 1, out: [], err: [/nothing was applied: 4 errors/] })
  t.match(await piped(secret, 'apply', '-f', '-', '--strict'), { exitCode: 1, out: [], err: [/nothing was applied: 1 error/, /type must be one of/] })
  const applied = await piped(tutorial, 'apply', '-f', '-')
  t.same([applied.exitCode, applied.out, applied.err.slice(0, 4)],
    [0, ['service/web created', 'service/listed created'], warnings])
  t.match(await piped(tutorial, 'delete', '-f', '-', '--strict'),
    { exitCode: 1, out: [], err: [/nothing was deleted/] })
  const deleted = await piped(tutorial, 'delete', '-f', '-')
  t.same([deleted.exitCode, deleted.out.toSorted(), deleted.err],
    [0, ['service/listed deleted', 'service/web deleted'], warnings])
  t.match(await piped(secret, 'apply', '-f', '-'),
    { exitCode: 0, out: [], err: [/^Warning: Secret/, 'Nothing in it is for the registry.'] })
  t.match(await piped(deployment('web').replace('apps/v1', 'v1'), 'apply', '-f', '-'),
    { exitCode: 1, err: [/nothing was applied/, /kind must be one of/] }, 'a slip of the pen is no foreign kind')
})

t.test('a directory with a kustomization is applied without it, each warning names its file', async (t) => {
  const { rollcall } = await place(t)
  const path = directory(t,
    { 'kustomization.yaml': 'resources: [a.yaml, b.yml]\n', 'a.yaml': deployment('web'), 'b.yml': service('web'),
      'notes.txt': 'x' })
  t.match(await rollcall('apply', '-f', path, '--strict'),
    { exitCode: 2, err: [/kustomization\.yaml is a kustomization/, /--help/] })
  t.same(await rollcall('apply', '-f', path), {
    exitCode: 0, out: ['service/web created'],
    err: [`Warning: ${path}/kustomization.yaml is not understood, and passed over: the files beside it are taken as they are`, `Warning: Deployment (apps/v1) is not a kind of the registry, and passed over: ${path}/a.yaml, line 1`]
  })
  t.same((await rollcall('delete', '-f', path)).out, ['service/web deleted'])
})

t.test('an empty file is named: alone it is an error, among others a warning', async (t) => {
  const { rollcall } = await place(t)
  const path = directory(t,
    { 'empty.yaml': '', 'comments.yaml': '\ufeff# nothing\n---\n\n%YAML 1.2\n--- # yet\n...\n',
      'web.yaml': service('web') })
  for (const file of ['empty.yaml', 'comments.yaml']) {
    for (const command of ['apply',
      'delete']) t.match(await rollcall(command, '-f', join(path, file)),
      { exitCode: 1, out: [],
        err: [`rollcall: there is no manifest in ${path}/${file}: nothing but blanks and comments`] })
  }
  t.match(await rollcall('apply', '-f', path),
    { exitCode: 0, out: ['service/web created'],
      err: [`Warning: there is no manifest in ${path}/comments.yaml`,
        `Warning: there is no manifest in ${path}/empty.yaml`] })
})

t.test('what get prints as YAML can be applied: over the service, after it was deleted, and to another registry',
  async (t) => {
    const { world, rollcall, piped } = await place(t)
    await world.register('default/front/a',
      { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }], labels: { app: 'web' } })
    await piped('apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n', 'apply', '-f', '-')
    const yaml = (await rollcall('get', 'service', 'web', '-o', 'yaml')).out.join('\n')
    t.notMatch(yaml, /uid|resourceVersion/)
    t.match(await piped(yaml, 'apply', '-f', '-'), { exitCode: 0, out: ['service/web unchanged'], err: [] })
    await rollcall('delete', 'service', 'web')
    t.match(await piped(yaml, 'apply', '-f', '-'), { exitCode: 0, out: ['service/web created'] })
    t.match((await rollcall('get', 'service', 'web', '-o', 'json')).out.join('\n'), /"uid"/)
    const other = await place(t)
    t.match(await other.piped(yaml, 'apply', '-f', '-'), { exitCode: 0, out: ['service/web created'] })
    const implicit = (await rollcall('get', 'service', 'front', '-o', 'yaml')).out.join('\n')
    t.match(await piped(implicit, 'apply', '-f', '-'), { exitCode: 0, out: ['service/front created'], err: [] })
    const made = 'apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {clusterIP: None, ports: [{port: 1}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: db-1, labels: {kubernetes.io/service-name: db}}\naddressType: IPv4\nports: [{port: 1}]\nendpoints: [{addresses: [10.0.0.9]}]\n'
    await piped(made, 'apply', '-f', '-')
    const slices = (await rollcall('get', 'endpointslices', 'db', '-o', 'yaml')).out.join('\n')
    await rollcall('delete', 'service', 'db')
    await piped(made.split('---\n')[0] ?? '', 'apply', '-f', '-')
    t.match(await piped(slices, 'apply', '-f', '-'), { exitCode: 0, out: ['endpointslice/db-1 created'], err: [] })
  })

t.test('apply and expose say in one line that nothing listens at an address yet; where there is none they do not',
  async (t) => {
    const { world, piped, rollcall } = await place(t)
    await world.register('default/orders/a', { address: '10.0.0.1', ports: [{ port: 80 }] })
    const listens =
      (err: readonly string[]): number =>
        err.filter((line) =>
          /^Warning: nothing listens at the addresses and node ports of .*: no machine runs rollcall proxy/.test(line)).length
    t.equal(listens((await rollcall('expose', 'orders', '--port', '80')).err), 1)
    const addressed = (name: string): string => service(name).replace('clusterIP: None, ', '')
    t.equal(listens((await piped([addressed('a'), addressed('b')].join('---\n'), 'apply', '-f', '-')).err), 1)
    t.equal(listens((await piped(addressed('a'), 'apply', '-f', '-')).err), 0,
      'one that did not change was warned of before')
    await world.register('rollcall-system/proxy/a',
      { address: '10.0.0.9', ports: [], metadata: { 'rollcall.dev/addresses': '10.0.0.9', 'rollcall.dev/cluster-ips': 'yes' } })
    t.equal(listens((await piped(addressed('c'), 'apply', '-f', '-')).err), 0, 'a machine has an agent')
    t.equal(listens((await piped([service('none'),
      'apiVersion: v1\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: a.example}\n'].join('---\n'), 'apply', '-f', '-')).err), 0)
  })

t.test('contradictions of a command line are refused', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('default/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }], zone: 'z1' })
  for (const changes of [['a=b', 'a-'], ['v=v1', 'v=v2'], ['v=v1', 'v=v1'],
    ['a-', 'a-']]) t.match(await rollcall('label', 'orders/a', ...changes),
    { exitCode: 2, err: [/the label [av] is given twice/] }, changes.join(' '))
  t.match(await rollcall('expose', 'orders', '--port', '80', '-l', 'a=b,a=c'),
    { exitCode: 2, err: [/--selector must name a once/] })
  t.match(await rollcall('register', 'orders', '-p', '80', '--weight', '-1'),
    { exitCode: 2, err: [/--weight must be a whole number, got "-1"/] })
  t.match(await rollcall('register', 'orders', '-p', '80', '--weight', '--id'),
    { exitCode: 2, err: [/--weight needs a value/] })
})

t.test('resolve tells a missing port, zone or label from a missing service', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('default/orders/a',
    { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }],
      zone: 'z1' })
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [['orders', '-p', 'grpc'],
      /^rollcall: one endpoint serves orders, and none has the port "grpc"; its ports are http:80, dns:53\/UDP$/],
    [['_http._udp.orders'], /none has the port "http" of UDP/], [['orders', '--zone', 'z2'], /none has the zone "z2"$/],
    [['orders', '-l', 'v=2'], /none has the labels v=2$/], [['nobody'], /service "nobody" not found/]
  ]
  for (const [argv, sentence] of table) t.match(await rollcall('resolve', ...argv),
    { exitCode: 1, out: [], err: [sentence] }, argv.join(' '))
  t.same((await rollcall('resolve', 'orders', '-p', 'http')).out, ['10.0.0.1:80'])
  await world.register('default/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }], status: 'down' })
  t.match(await rollcall('resolve', 'orders', '-p', 'http'), { exitCode: 1, err: ['rollcall: no instance serves orders'] })
})

t.test('--address is a scheme, a host and a port', async (t) => {
  const { rollcall } = await place(t)
  for (const address of ['http://127.0.0.1:1?a=b', 'http://127.0.0.1:1#x', 'http://u:p@127.0.0.1:1', 'unix:/run/x',
    'unix:', 'unix:///run/x', 'mailto:x', 'ftp://x']) {
    t.match(await rollcall('get', 'services', '--address', address), { exitCode: 2, out: [] }, address)
  }
})
