// The write commands of kubectl, unmodified, each with what it prints. Debian's is of 1.20; every newer one that is
// installed beside it is tried, too.
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../support/closable.ts'
import { lacking, programPath } from '../support/programs.ts'
import { startKubernetes } from '../kubernetes/node.ts'

const kubectls = ['kubectl', ...Array.from({ length: 20 }, (_, minor) => `kubectl.1.${minor + 20}`)]
  .flatMap((name) => programPath(name) ?? [])

const manifest = (name: string, spec: string, labels?: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}${labels === undefined ? '' : `, labels: ${labels}`} }
spec: ${spec}
`
const files: Readonly<Record<string, string>> = {
  'web.yaml': manifest('web', '{ type: NodePort, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080, nodePort: 30000 }] }', '{ tier: front }'),
  'web2.yaml': manifest('web', '{ type: NodePort, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 9090, nodePort: 30000 }] }', '{ tier: back }'),
  'dns.yaml': manifest('dns', '{ selector: { app: dns }, ports: [{ name: a, port: 53, protocol: UDP, targetPort: 53 }, { name: b, port: 53, protocol: TCP, targetPort: 53 }] }'),
  'dns2.yaml': manifest('dns', '{ selector: { app: dns }, ports: [{ name: a, port: 53, protocol: UDP, targetPort: 53 }, { name: b, port: 53, protocol: TCP, targetPort: 5353 }] }'),
  'typo.yaml': manifest('typo', '{ selectr: { app: web }, ports: [{ port: 80 }] }')
}

/** Command, what it prints, and from which minor version on it is there. */
const table: readonly (readonly [string, RegExp, number?])[] = [
  ['apply -f web.yaml', /^service\/web created$/m],
  ['apply -f web.yaml', /^service\/web unchanged$/m],
  ['diff -f web2.yaml', /^-\s+targetPort: 8080\n\+\s+targetPort: 9090$/m],
  ['apply -f web2.yaml --dry-run=server', /^service\/web configured \(server dry run\)$/m],
  ['get svc web -o jsonpath={.spec.ports[0].targetPort}', /^8080$/],
  ['apply -f web2.yaml', /^service\/web configured$/m],
  ['get svc web -o jsonpath={.spec.ports[0].targetPort}:{.metadata.labels.tier}', /^9090:back$/],
  ['apply -f dns.yaml', /^service\/dns created$/m],
  ['apply -f dns2.yaml', /^service\/dns configured$/m],
  ['get svc dns -o jsonpath={.spec.ports[*].targetPort}', /^53 5353$/],
  ['apply -f dns2.yaml', /^service\/dns unchanged$/m],
  ['apply -f typo.yaml', /strict decoding error: unknown field "spec\.selectr"|ValidationError\(Service\.spec\): unknown field "selectr"/],
  ['apply --server-side -f web2.yaml', /^service\/web serverside-applied$/m],
  ['apply --server-side -f web.yaml --field-manager=other', /Apply failed with \d+ conflicts: conflicts with "kubectl/],
  ['apply --server-side -f web.yaml --field-manager=other --force-conflicts', /^service\/web serverside-applied$/m],
  ['apply --server-side -f web2.yaml', /conflicts with "other":\n- \.metadata\.labels\.tier\n- \.spec\.ports\[port=80,protocol="TCP"\]\.targetPort/],
  ['label svc web a=b', /^service\/web labeled$/m],
  ['label svc web a-', /^service\/web (?:un)?labeled$/m],
  ['annotate svc web note=hello', /^service\/web annotated?$/m],
  ['patch svc web -p {"spec":{"ports":[{"port":443,"name":"tls"}]}}', /^service\/web patched$/m],
  ['patch svc web --type=merge -p {"spec":{"sessionAffinity":"ClientIP"}}', /^service\/web patched$/m],
  ['patch svc web --type=json -p [{"op":"test","path":"/spec/type","value":"X"}]', /^The request is invalid: patch: testing value \/spec\/type failed: test failed$/m],
  ['patch svc web --type=json -p [{"op":"replace","path":"/spec/type","value":"ClusterIP"}]', /^service\/web patched$/m],
  ['patch svc web -p {"spec":{"type":"Wrong"}}', /^The Service "web" is invalid: spec\.type: Unsupported value: "Wrong": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"$/m],
  ['set selector svc web app=other', /^service\/web selector updated$/m],
  ['edit svc web', /^service\/web edited$/m],
  ['get svc web -o jsonpath={.spec.selector.app}:{.spec.sessionAffinity}', /^edited:ClientIP$/],
  ['replace -f live.yaml', /^service\/web replaced$/m],
  ['replace -f live.yaml', /Operation cannot be fulfilled on services "web": the object has been modified; please apply your changes to the latest version and try again/],
  ['create service nodeport np-svc --tcp=80:8080 --node-port=30008', /^service\/np-svc created$/m],
  ['create service nodeport np-svc --tcp=80:8080', /services "np-svc" already exists/],
  ['create service externalname ext --external-name example.org', /^service\/ext created$/m],
  ['create namespace prod', /^namespace\/prod created$/m],
  ['create namespace prod', /namespaces "prod" already exists/],
  ['create namespace prod2 --dry-run=server', /^namespace\/prod2 created \(server dry run\)$/m],
  ['expose service np-svc --port=81 --name=np2', /^service\/np2 exposed$/m],
  ['explain service.spec.ports', /^ {2}nodePort\t<integer>$/m, 27],
  ['delete svc np2 --dry-run=server', /^service "np2" deleted (?:from default namespace )?\(server dry run\)$/m],
  ['delete svc np2', /^service "np2" deleted/m],
  ['delete svc np2', /services "np2" not found/],
  ['delete ns prod', /^namespace "prod" deleted/m]
]

t.test('kubectl writes as it does to Kubernetes', { skip: lacking('kubectl') }, async (t) => {
  for (const kubectl of kubectls) {
    const node = await startKubernetes(t)
    const directory = await temporaryDirectory(t)
    const home = join(directory, 'home')
    await mkdir(home)
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
    const run = (command: string): Promise<string> => new Promise((resolve) => {
      const env = { PATH: process.env.PATH ?? '', HOME: home, EDITOR: 'sed -i "s/app: other/app: edited/"' }
      execFile(kubectl, ['-s', node.url, ...command.split(' ')], { cwd: directory, env, timeout: 60_000 }, (_error, stdout, stderr) => resolve(stdout + stderr))
    })
    const minor = Number(/GitVersion:"v1\.(\d+)|"minor": "(\d+)/.exec(await run('version --client -o json'))?.slice(1).find((found) => found !== undefined))
    for (const [command, printed, from = 0] of table) {
      if (command === 'replace -f live.yaml' && await readFile(join(directory, 'live.yaml')).then(() => false, () => true)) {
        await writeFile(join(directory, 'live.yaml'), (await run('get svc web -o yaml')).replace('app: edited', 'app: replaced'))
      }
      if (minor < from) continue
      t.match(await run(command), printed, `1.${minor}: kubectl ${command}`)
    }
  }
})
