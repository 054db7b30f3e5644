// Declared services at the terminal: against a real registry in this process, and tables for the formatting.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { EndpointSlice, Service } from '../../client-sdk/src/index.ts'
import type { Line } from '../../server/cli/line.ts'
import { lineDiff } from '../../server/cli/line-diff.ts'
import { clusterIpText, externalIpText, servicePortsText, sliceColumns } from '../../server/cli/shapes.ts'
import { Table } from '../../server/cli/table.ts'
import type { HttpWorld } from '../support/world.ts'
import { place } from './place.ts'

const examples = fileURLToPath(new URL('../../deploy/examples/manifests', import.meta.url))
const everythingNow = Date.parse('2026-11-20T12:00:00Z')

async function webui (world: HttpWorld, ...ids: string[]): Promise<void> {
  for (const [index, id] of ids.entries()) {
    await world.register(`default/webui/${id}`, { address: `10.1.0.${index + 1}`, ports: [{ name: 'http', port: 8080 + index }], labels: { app: 'webui' } })
  }
}

const web = (spec: string): string => `apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n${spec}`
const squeezed =
  (lines: readonly Line[]): string[] =>
    lines.map((line) => (typeof line === 'string' ? line : '').replace(/ {2,}/g, ' ').trim())

t.test('the columns of a service are those of kubectl', async (t) => {
  const service = (spec: object, ingress: object[] = []): Service =>
    ({
      apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' },
      spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec }, status: { loadBalancer: { ingress } }
    })
  const port = { port: 80, protocol: 'TCP' as const, targetPort: 80 }
  const long = [{ ip: '192.168.100.100' }, { ip: '192.168.100.101' }]
  const table: (readonly [Service | undefined, string, string, string, string])[] = [
    [undefined, 'None', '<none>', '<none>', '<none>'],
    [service({ clusterIPs: ['10.96.0.7'], ports: [port, { ...port, port: 53, protocol: 'UDP' }] }), '10.96.0.7', '<none>', '<none>', '80/TCP,53/UDP'],
    [service({ clusterIP: 'None', clusterIPs: ['None'] }), 'None', '<none>', '<none>', '<none>'],
    [service({ type: 'NodePort', ports: [{ ...port, nodePort: 30000 }], externalIPs: ['1.1.1.1', '1.1.1.2'] }), '<none>', '1.1.1.1,1.1.1.2', '1.1.1.1,1.1.1.2', '80:30000/TCP'],
    [service({ type: 'LoadBalancer', ports: [port] }), '<none>', '<pending>', '<pending>', '80/TCP'],
    [service({ type: 'LoadBalancer', externalIPs: ['1.1.1.1'] }), '<none>', '1.1.1.1', '1.1.1.1', '<none>'],
    [service({ type: 'LoadBalancer' }, [{ ip: '192.168.1.241' }]), '<none>', '192.168.1.241', '192.168.1.241', '<none>'],
    [service({ type: 'LoadBalancer', externalIPs: ['1.1.1.1'] }, long), '<none>', '192.168.100.1...,1.1.1.1', '192.168.100.100,192.168.100.101,1.1.1.1', '<none>'],
    [service({ type: 'ExternalName', externalName: 'mail.example.com' }), '<none>', 'mail.example.com', 'mail.example.com', '<none>']
  ]
  for (const [manifest, clusterIp, external, wide, ports] of table) {
    const shown = [clusterIpText(manifest), externalIpText(manifest, false), externalIpText(manifest, true), servicePortsText(manifest)]
    t.same(shown, [clusterIp, external, wide, ports], JSON.stringify(manifest?.spec))
  }
})

t.test('a slice shows three ports and addresses, and how many more', async (t) => {
  const slice = {
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4', ports: [{ port: 80 }, { name: 'any' }, {}],
    endpoints: [1, 2, 3, 4].map((n) => ({ addresses: [`10.0.0.${n}`] }))
  } as unknown as EndpointSlice // what the columns read of it
  const lines = new Table(sliceColumns({ allNamespaces: false, now: () => everythingNow }), { wide: false, colours: false }).lines([
    { ...slice, namespace: 'default' }, { ...slice, ports: [], endpoints: [], namespace: 'default' }
  ])
  t.same(squeezed(lines), [
    'NAME ADDRESSTYPE PORTS ENDPOINTS AGE SERVICE',
    'web-1 IPv4 80,any,* 10.0.0.1,10.0.0.2,10.0.0.3 + 1 more... <unknown> web',
    'web-1 IPv4 <unset> <unset> <unknown> web'
  ])
})

t.test('a difference shows what changed, with three lines around it', async (t) => {
  const lines = (text: string): string[] => text.split('')
  t.same(lineDiff(lines('abc'), lines('abc')), [])
  t.same(lineDiff([], ['x']), ['@@ -0,0 +1 @@', '+x'])
  t.same(lineDiff(['x'], []), ['@@ -1 +0,0 @@', '-x'])
  t.same(lineDiff(lines('abcdefghijklm'), lines('abXdefghijklmn')), ['@@ -1,6 +1,6 @@', ' a', ' b', '-c', '+X', ' d', ' e', ' f', '@@ -11,3 +11,4 @@', ' k', ' l', ' m', '+n'])
})

t.test('an example of each type is applied from a directory, shown as kubectl would, and applied again without a change', async (t) => {
  const { world, rollcall } = await place(t)
  await webui(world, 'w-1', 'w-2')
  const first = await rollcall('apply', '-f', examples)
  t.same(first.err,
    ['Warning: nothing listens at the addresses and node ports of webui-clusterip, webui-external, webui-lb and 3 more: no machine runs rollcall proxy. By name callers get the endpoints'])
  t.same(first.out, [
    'service/webui-clusterip created', 'service/webui-external created', 'service/mail created', 'service/webui-headless created', 'service/webui-lb created',
    'service/webui-nodeport-any created', 'service/webui-nodeport created', 'service/database created', 'endpointslice/database-1 created'
  ])
  const rows = squeezed((await rollcall('get', 'services', '-o', 'wide')).out)
  t.match(rows[0], /^NAME TYPE CLUSTER-IP EXTERNAL-IP PORT\(S\) AGE SELECTOR READY/)
  const row = (name: string): string => rows.find((line) => line.startsWith(`${name} `)) ?? ''
  t.match(row('webui-clusterip'), / ClusterIP 10\.100\.100\.100 <none> 80\/TCP \S+ app=webui 2\/2/)
  t.match(row('webui-nodeport'), / NodePort 10\.\S+ <none> 80:30200\/TCP /)
  t.match(row('webui-nodeport-any'), / NodePort 10\.\S+ <none> 80:3[0-2]\d{3}\/TCP /)
  t.match(row('webui-lb'), / LoadBalancer 10\.\S+ 192\.168\.1\.241 80:3\d{4}\/TCP /)
  t.match(row('mail'), / ExternalName <none> mail\.example\.com <none> \S+ <none> /)
  t.match(row('webui-headless'), / ClusterIP None <none> 8080\/TCP /)
  t.match(row('database'), / ClusterIP 10\.\S+ <none> 5432\/TCP \S+ <none> /)
  t.match(row('webui-external'), / ClusterIP 10\.\S+ 192\.168\.1\.9,192\.168\.1\.10 80\/TCP /)
  t.match(row('database'), / 1\/1 /, 'endpoints that were made by hand are ready, too')
  t.match(row('webui'), / headless None <none> <none> 0s rollcall\.dev\/service=webui 2\/2/)
  t.match((await rollcall('resolve', 'database')).out, ['192.168.1.50:5432'])
  t.match(squeezed((await rollcall('get', 'endpointslices', 'database')).out)[1], /^database-1 IPv4 5432 192\.168\.1\.50 /)
  t.ok(squeezed((await rollcall('get', 'eps', '-A')).out).some((line) => line.startsWith('default webui-clusterip')))
  t.ok(squeezed((await rollcall('get', 'pools')).out).some((line) => line.startsWith('lan load-balancer 192.168.1.240-192.168.1.250 11 1 10 true')))
  const again = await rollcall('apply', '-f', examples)
  t.ok(again.out.every((line) => line.endsWith(' unchanged')), again.out.join('\n'))
})

t.test('a dry run shows the lines that would change, and changes nothing', async (t) => {
  const { piped, rollcall } = await place(t)
  const before = web('  selector: {app: web}\n  ports: [{port: 80}]\n')
  t.match((await piped(before, 'apply', '-f', '-', '--dry-run')).out, ['service/web created (dry run)', /^@@ -0,0 /, '+apiVersion: v1'])
  t.equal((await rollcall('get', 'service', 'web')).exitCode, 1)
  await piped(before, 'apply', '-f', '-')
  const { out } = await piped(web('  selector: {app: web}\n  ports: [{port: 81, targetPort: 80}]\n'), 'apply', '-f', '-', '--dry-run')
  t.equal(out[0], 'service/web configured (dry run)')
  t.same(out.filter((line) => /^[-+]/.test(line)).map((line) => line.replace(/ +/g, ' ')), ['- - port: 80', '+ - port: 81'], out.join('\n'))
  t.match((await piped(before, 'apply', '-f', '-')).out, ['service/web unchanged'])
})

t.test('every fault is told with its document, line and field, and nothing is applied', async (t) => {
  const { piped, rollcall } = await place(t)
  const good = web('  ports: [{port: 80}]\n')
  const bad = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  type: NodePort\n  ports:\n    - port: 0\n      name: a\n    - port: 81\n      name: B\n'
  const { exitCode, err } = await piped(`${good}---\n${bad}`, 'apply', '-f', '-')
  t.equal(exitCode, 1)
  t.match(err[0], /^rollcall: nothing was applied: 2 errors \(REG_MANIFEST_INVALID\)$/)
  t.ok(err.some((line) => /^ {2}document 2, line 15: spec\.ports\[0\]\.port /.test(line)), err.join('\n'))
  t.ok(err.some((line) => /^ {2}document 2, line 18: spec\.ports\[1\]\.name /.test(line)), err.join('\n'))
  t.equal((await rollcall('get', 'service', 'web')).exitCode, 1)
  const files = t.testdir({ 'a.yaml': good, 'b.yaml': bad })
  const several = await rollcall('apply', '-f', `${files}/a.yaml`, '-f', `${files}/b.yaml`)
  t.ok(several.err.some((line) => line.includes('b.yaml, line 8: spec.ports[0].port ')), several.err.join('\n'))
})

t.test('what cannot be read is wrong usage, and says why', async (t) => {
  const { rollcall } = await place(t)
  const directory = t.testdir({})
  t.match(await rollcall('apply'), { exitCode: 2, err: [/-f FILE is missing/] })
  t.match(await rollcall('apply', '-f', '/nowhere.yaml'), { exitCode: 2, err: [/-f \/nowhere\.yaml cannot be read: ENOENT/] })
  t.match(await rollcall('apply', '-f', directory), { exitCode: 2, err: [/has no \.yaml, \.yml or \.json file/] })
  t.match(await rollcall('apply', '-f', '-', '-f', '-'), { exitCode: 2, err: [/must not be given twice/] })
  t.match(await rollcall('aply', '-f', '-'), { exitCode: 2, err: [/did you mean apply\?/] })
  t.match(await rollcall('delete', 'servce', 'x'), { exitCode: 2, err: [/did you mean service\?/] })
  t.match(await rollcall('delete', 'instance', 'a/b'), { exitCode: 2, err: [/rollcall deregister SERVICE\/ID/] })
  t.match(await rollcall('get', 'pool', '-w'), { exitCode: 2, err: [/pools cannot be watched/] })
})

t.test('a service is deleted by name or by file, with what belongs to it', async (t) => {
  const { rollcall } = await place(t)
  await rollcall('apply', '-f', examples)
  t.same((await rollcall('delete', 'service', 'mail', '--dry-run')).out, ['service/mail deleted (dry run)'])
  t.same((await rollcall('delete', 'service', 'mail')).out, ['service/mail deleted'])
  t.match(await rollcall('delete', 'service', 'mail'), { exitCode: 1, err: [/"mail".*REG_SERVICE_NOT_FOUND/] })
  t.same(await rollcall('delete', 'service', 'mail', '--ignore-not-found'), { exitCode: 0, out: [], err: ['Nothing to delete.'] })
  t.same((await rollcall('delete', '-f', `${examples}/without-selector.yaml`)).out.sort(), ['endpointslice/database-1 deleted', 'service/database deleted'])
})

t.test('expose declares a service over the instances of a name, once', async (t) => {
  const { world, rollcall } = await place(t)
  await webui(world, 'w-1')
  t.same((await rollcall('expose', 'webui', '--type', 'NodePort', '--port', '80', '--target-port', 'http', '--name', 'web')).out, ['service/web created'])
  t.same((await rollcall('resolve', 'web')).out, ['10.1.0.1:8080'])
  const yaml = (await rollcall('get', 'service', 'web', '-o', 'yaml')).out
  for (const line of ['kind: Service', '  type: NodePort', '    rollcall.dev/service: webui', '      targetPort: http']) t.ok(yaml.includes(line), yaml.join('\n'))
  t.match(await rollcall('expose', 'webui', '--port', '80', '--name', 'web'), { exitCode: 1, err: [/service web is declared already/] })
  t.match(await rollcall('expose', 'webuj', '--port', '80'), { exitCode: 1, err: [/webuj/] })
  t.match(await rollcall('expose', 'webui'), { exitCode: 2, err: [/--port is missing/] })
  t.match(await rollcall('expose', 'webui', '--port', '80', '--selector', 'a!=b'), { exitCode: 2, err: [/KEY=VALUE/] })
  t.match((await rollcall('expose', 'later', '--port', '80', '-l', 'app=later', '--dry-run')).out, ['service/later created (dry run)'])
})

t.test('a draining instance leaves, a changed label leaves, and describe and explain say why', async (t) => {
  const { world, rollcall } = await place(t)
  await webui(world, 'w-1', 'w-2', 'w-3')
  await rollcall('apply', '-f', `${examples}/cluster-ip.yaml`)
  t.same((await rollcall('resolve', 'webui-clusterip')).out, ['10.1.0.1:8080', '10.1.0.2:8081', '10.1.0.3:8082'])
  await rollcall('drain', 'webui/w-1')
  t.same((await rollcall('label', 'webui/w-2', 'app=other', 'tier=x')).out, ['webui/w-2 labeled: app=other,tier=x'])
  t.same((await rollcall('label', 'webui/w-2', 'tier-')).out, ['webui/w-2 labeled: app=other'])
  t.same((await rollcall('resolve', 'webui-clusterip')).out, ['10.1.0.3:8082'])
  const explained = squeezed((await rollcall('explain', 'webui/w-1')).out)
  t.equal(explained[0], 'SERVICE IN READY RULE WHY')
  t.ok(explained.some((line) => /^webui-clusterip true false override /.test(line)), explained.join('\n'))
  t.ok(squeezed((await rollcall('explain', 'webui/w-2')).out).some((line) => /^webui-clusterip false false selector /.test(line)))
  const described = squeezed((await rollcall('describe', 'service', 'webui-clusterip')).out)
  for (const line of ['Type: ClusterIP', 'IP: 10.100.100.100', 'Selector: app=webui', 'Ports: http 80/TCP -> http', 'Endpoints: 1']) t.ok(described.includes(line), described.join('\n'))
  t.ok(described.some((line) => /^webui\/w-1 override /.test(line)), described.join('\n'))
  t.match(await rollcall('label', 'webui/w-2', 'app'), { exitCode: 2, err: [/KEY=VALUE, or KEY-/] })
})

t.test('the SDK applies, reads, lists and removes, and says why an instance is in', async (t) => {
  const { world, sdk } = await place(t)
  await webui(world, 'w-1')
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 'http' }] } } as const
  t.match(await sdk.services.apply(manifest, { dryRun: true }), { dryRun: true, results: [{ outcome: 'created' }] })
  await t.rejects(sdk.services.get('web'), { code: 'REG_SERVICE_NOT_FOUND' })
  t.match(await sdk.services.apply([manifest]), { results: [{ kind: 'Service', namespace: 'default', name: 'web', outcome: 'created' }] })
  t.match((await sdk.services.get('web')).spec.clusterIP, /^10\./)
  const listed: string[] = []
  for await (const { metadata } of sdk.services.list()) listed.push(metadata.name)
  t.same(listed, ['web'])
  t.match(await sdk.explain({ service: 'webui', id: 'w-1' }), [{ in: true, ready: true }, { in: true }])
  t.ok((await sdk.pools()).some(({ name, used }) => name === 'lan' && used === 0))
  t.match(await sdk.services.delete('web'), { deleted: [{ kind: 'Service', name: 'web' }] })
  await t.rejects(sdk.services.apply('kind: Service\n'), { code: 'REG_INVALID', errors: [{ document: 1 }] })
})

t.test('resolve follows a declared service: mapped ports, hand-made endpoints, declared and removed while it is used', async (t) => {
  const { world, sdk } = await place(t)
  await webui(world, 'w-1')
  const ports = async (): Promise<number[]> => (await sdk.resolveAll('webui')).map(({ port }) => port)
  /** Asks until the change has arrived: each try lets the sockets of this process go on. */
  const becomes = async (expected: readonly number[]): Promise<void> => {
    for (;;) {
      const now = await ports()
      if (JSON.stringify(now) === JSON.stringify(expected)) return
      await sdk.namespaces().next()
    }
  }
  t.same(await ports(), [8080])
  const service = (spec: object): string => JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'webui' }, spec })
  await sdk.services.apply(service({ selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 9000 }] }))
  await becomes([9000])
  await sdk.services.apply(service({ selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 'http' }] }))
  await becomes([8080])
  await webui(world, 'w-1', 'w-2')
  await becomes([8080, 8081])
  await sdk.services.apply(service({ ports: [{ port: 80 }] }))
  await becomes([])
  await sdk.services.apply({
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'webui-1', labels: { 'kubernetes.io/service-name': 'webui' } },
    addressType: 'IPv4', endpoints: [{ addresses: ['192.168.1.50'] }], ports: [{ port: 5432 }]
  })
  await becomes([5432])
  await sdk.services.delete('webui')
  await becomes([8080, 8081])
  await webui(world, 'w-1', 'w-2', 'w-3')
  await becomes([8080, 8081, 8082])
})

t.test('a watch shows declared services as they come, change and go, also one that turns into an implicit one', async (t) => {
  const { world, begin, piped, rollcall } = await place(t)
  await webui(world, 'w-1')
  await piped(web('  type: ExternalName\n  externalName: db.example.org\n'), 'apply', '-f', '-')
  const services = begin('get', 'services', '-w')
  const all = begin('watch')
  await services.line(/^web +ExternalName /)
  await all.line(/ present +default\/web +db\.example\.org +<none> +ExternalName/)
  await all.line(/ present +default\/webui\/w-1 /)
  await piped(web('  clusterIP: 10.96.0.77\n  ports: [{ port: 80 }]\n'), 'apply', '-f', '-')
  await services.line(/^web +ClusterIP +10\.96\.0\.77 /)
  await all.line(/ declared +default\/web +10\.96\.0\.77 +80\/TCP +ClusterIP/)
  await rollcall('delete', 'service', 'web')
  await services.line(/^web +ClusterIP +10\.96\.0\.77 .* removed/)
  await all.line(/ removed +default\/web /)
  await piped(web('  ports: [{ port: 80 }]\n').replace('name: web', 'name: webui'), 'apply', '-f', '-')
  await services.line(/^webui +ClusterIP .* 0\/0/)
  await rollcall('delete', 'service', 'webui')
  await services.line(/^webui +headless .* 1\/1/)
  await services.interrupt()
  await all.interrupt()
})

t.test('describe says what a load balancer waits for, and its own fields', async (t) => {
  const { piped, rollcall } = await place(t)
  const spec = '  type: LoadBalancer\n  loadBalancerIP: 10.0.0.1\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 30077\n  loadBalancerSourceRanges: [10.0.0.0/8]\n  ports: [{ port: 80 }]\n'
  t.match((await piped(web(spec), 'apply', '-f', '-')).err, [/^Warning: service\/web: .*10\.0\.0\.1 is in no pool/])
  const described = squeezed((await rollcall('describe', 'service', 'web')).out)
  for (const line of ['Wanted: 10.0.0.1', 'Pending: 10.0.0.1 is in no pool', 'Sources: 10.0.0.0/8', 'Health: node port 30077']) t.ok(described.includes(line), described.join('\n'))
})
