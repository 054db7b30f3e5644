// kubectl as it is, the oldest and the newest that packages have, else the one that the machine has: what a tutorial types, what it prints,
// and what the registry holds then.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { authority, selfSigned } from '../support/certificate.ts'
import { lacking, programPath } from '../support/programs.ts'
import { call, instancePath, startNode } from '../support/processes.ts'

const packaged = ['kubectl-oldest', 'kubectl-newest'].filter((name) => programPath(name) !== undefined)
const names = packaged.length > 0 || programPath('kubectl') === undefined ? packaged : ['kubectl']

/** `code` -1: any; `since` = the first minor version that it is for. */
type Row = readonly [command: string, printed: RegExp, service?: string | undefined, holds?: object | undefined, code?: number, since?: number]

interface Printed {
  readonly code: number
  readonly text: string
}

interface Following {
  /** Resolves with all that was printed when it fits. */
  shows (pattern: RegExp): Promise<string>
  end (): Promise<void>
}

interface Kubectl {
  readonly minor: number
  readonly run: (...args: readonly string[]) => Promise<Printed>
  /** Starts it, until it is ended. */
  readonly follow: (...args: readonly string[]) => Following
  readonly file: (name: string, content: object) => string
  readonly rest: string
}

async function kubectl (t: Test, name: string, isSecure = false): Promise<Kubectl> {
  const home = t.testdir()
  const ours = authority()
  const { cert, key } = ours.issue()
  const [certFile, keyFile] = [join(home, 'cert.pem'), join(home, 'key.pem')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  const tls = isSecure ? ['--kubernetes-tls-cert', certFile, '--kubernetes-tls-key', keyFile] : []
  const trust = isSecure ? { 'certificate-authority-data': Buffer.from(ours.cert).toString('base64') } : { 'insecure-skip-tls-verify': true }
  const node = await startNode(t, ['--data', join(home, 'data'), '--kubernetes', '127.0.0.1:0', ...tls])
  const { kubernetes } = JSON.parse(await node.line(/"msg":"ready"/)) as { kubernetes: string }
  mkdirSync(join(home, '.kube'))
  const path = join(home, '.kube', 'config')
  writeFileSync(path, JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'r', users: [{ name: 'r', user: isSecure ? { token: 'anonymous' } : {} }], contexts: [{ name: 'r', context: { cluster: 'r', user: 'r' } }],
    clusters: [{ name: 'r', cluster: { server: kubernetes, ...trust } }]
  }), { mode: 0o600 })
  const env = { ...process.env, HOME: home, KUBECONFIG: path, LC_ALL: 'C' }
  const run = (...args: readonly string[]): Promise<Printed> => new Promise((resolve) => {
    execFile(programPath(name) ?? name, args, { timeout: 30_000, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: `${stdout}${stderr}` })
    })
  })
  const version = (await run('version', '--client', '-o', 'json')).text
  const minor = Number((JSON.parse(version) as { clientVersion: { minor: string } }).clientVersion.minor.replace('+', ''))
  return {
    minor, run, rest: node.url,
    follow: (...args) => {
      const child = spawn(programPath(name) ?? name, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
      t.teardown(() => child.kill('SIGKILL'))
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (more: string) => { text += more })
      return {
        shows: async (pattern) => {
          while (!pattern.test(text)) await once(child.stdout, 'data')
          return text
        },
        end: async () => {
          const ended = once(child, 'close')
          child.kill('SIGKILL')
          await ended
        }
      }
    },
    file: (name, content) => {
      const path = join(home, `${name}.json`)
      writeFileSync(path, JSON.stringify(content))
      return path
    }
  }
}

const nodePort = {
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'np-svc' },
  spec: { type: 'NodePort', selector: { app: 'np-pods' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30000 }] }
}
const fixed = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'ip-svc' }, spec: { clusterIP: '10.100.100.100', selector: { app: 'np-pods' }, ports: [{ port: 80 }] } }

for (const name of names.length === 0 ? ['kubectl-oldest'] : names) {
  t.test(`${name}: what tutorials type works, and the registry holds it`, { skip: lacking(name) }, async (t) => {
    const { run, file, rest, minor } = await kubectl(t, name)
    for (const id of ['np-1', 'np-2', 'np-3']) {
      const registration = { address: `10.1.0.${id.at(-1)}`, ports: [{ name: 'http', port: 8080 }], labels: { app: 'np-pods' }, node: 'machine-1', lease: { ttlMs: 600_000 } }
      t.equal((await call('PUT', `${rest}${instancePath(id, 'np-pods', 'default')}`, registration)).status, 201)
    }
    const [nodePortFile, fixedFile] = [file('np', nodePort), file('ip', fixed)]
    const [keptService, leftService] = ['kept', 'left'].map((name) => ({
      apiVersion: 'v1', kind: 'Service', metadata: { name, labels: { set: 'pruned' } }, spec: { ports: [{ port: 80 }] }
    }))
    const [bothFile, prunedFile] = [file('both', { apiVersion: 'v1', kind: 'List', items: [keptService, leftService] }), file('kept', keptService ?? {})]
    const pair = selfSigned({ names: ['shop.example'] })
    const [certFile, keyFile] = Object.entries(pair).map(([part, pem]) => {
      const path = join(t.testdirName, `${part}.pem`)
      writeFileSync(path, pem)
      return path
    })
    const backend = { service: { name: 'np-svc', port: { number: 80 } } }
    const objectsFile = file('objects', {
      apiVersion: 'v1', kind: 'List', items: [
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sec' }, type: 'kubernetes.io/tls', data: { 'tls.crt': Buffer.from(pair.cert).toString('base64'), 'tls.key': Buffer.from(pair.key).toString('base64') } },
        { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'rollcall' }, spec: { controller: 'rollcall.dev/ingress' } },
        {
          apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'web' },
          spec: { ingressClassName: 'rollcall', rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }], tls: [{ hosts: ['shop.example'], secretName: 'sec' }] }
        },
        { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'np-pods' }, maxReplicas: 5 } }
      ]
    })
    const changedFile = file('changed', { ...nodePort, spec: { ...nodePort.spec, sessionAffinity: 'ClientIP' } })
    /** What REST shows of a service; undefined = there is none. */
    const held = async (service: string): Promise<any> => {
      const { status, body } = await call('GET', `${rest}/v1/namespaces/default/services/${service}?view=manifest`)
      return status === 200 ? body.spec : undefined
    }
    const table: readonly Row[] = [
      [`apply -f ${nodePortFile}`, /service\/np-svc created/, 'np-svc', { type: 'NodePort', ports: [{ nodePort: 30000 }] }],
      ['get services', /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nkubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP[^]*np-svc +NodePort +10\.\S+ +<none> +80:30000\/TCP/],
      ['get svc -o wide', /SELECTOR[^]*np-svc.* app=np-pods/], ['get svc -A', /^NAMESPACE +NAME[^]*default +np-svc/], ['get svc np-svc -o jsonpath={.spec.ports[0].nodePort}', /^30000$/],
      ['get svc -o name', /service\/np-svc/], ['get svc --sort-by=.metadata.name', /kubernetes[^]*np-pods[^]*np-svc/], ['get svc -l app=other', /No resources found/],
      ['get svc --field-selector spec.type=NodePort', /np-svc/], ['get svc np-svc -o yaml', /kind: Service[^]*nodePort: 30000/], ['get svc --show-labels', /LABELS/],
      [`apply -f ${nodePortFile}`, /unchanged/], [`apply -f ${changedFile}`, /configured/, 'np-svc', { sessionAffinity: 'ClientIP' }],
      [`apply --server-side --force-conflicts -f ${nodePortFile}`, /serverside-applied/], [`apply --dry-run=server -f ${nodePortFile}`, /server dry run/],
      [`diff -f ${changedFile}`, /ClientIP|^$/, undefined, undefined, -1], [`replace -f ${nodePortFile}`, /replaced/, 'np-svc', { sessionAffinity: 'None' }],
      [`create -f ${nodePortFile}`, /services "np-svc" already exists/, undefined, undefined, 1], [`apply -f ${fixedFile}`, /created/, 'ip-svc', { clusterIP: '10.100.100.100' }],
      ['expose deployment np-pods --type=NodePort --name=np-svc-v2 --port=80', /service\/np-svc-v2 exposed/, 'np-svc-v2', { type: 'NodePort', selector: { app: 'np-pods' } }],
      ['expose pod np-1 --name=np-svc-v3 --port=80', /exposed/, 'np-svc-v3', { selector: { app: 'np-pods' } }], ['expose service np-svc --name=np-svc-v4 --port=81', /exposed/, 'np-svc-v4', { ports: [{ port: 81 }] }],
      ['create service externalname out --external-name example.com', /created/, 'out', { type: 'ExternalName', externalName: 'example.com' }],
      ['create service clusterip plain --tcp=80:8080', /created/, 'plain', { ports: [{ port: 80, targetPort: 8080 }] }],
      ['label service np-svc tier=front', /labeled/], ['get svc -l tier=front', /np-svc/], ['annotate service np-svc note=x', /annotated/],
      ['patch service np-svc -p {"spec":{"selector":{"app":"other"}}}', /patched/, 'np-svc', { selector: { app: 'other' } }],
      ['patch service np-svc --type=merge -p {"spec":{"selector":{"app":"np-pods"}}}', /patched/, 'np-svc', { selector: { app: 'np-pods' } }],
      ['patch service np-svc --type=json -p [{"op":"replace","path":"/spec/ports/0/port","value":82}]', /patched/, 'np-svc', { ports: [{ port: 82, nodePort: 30000 }] }],
      ['set selector service np-svc app=np-pods', /np-svc/],
      ['get endpoints np-svc', /np-svc +10\.1\.0\.1:8080,10\.1\.0\.2:8080,10\.1\.0\.3:8080/], ['get endpointslices -l kubernetes.io/service-name=np-svc', /ADDRESSTYPE[^]*IPv4 +8080 +10\.1\.0\.1,10\.1\.0\.2,10\.1\.0\.3/],
      ['describe service np-svc', /Endpoints: +10\.1\.0\.1:8080[^]*Events:[^]*Declared/], ['describe pod np-1', /IP: +10\.1\.0\.1[^]*Registered/], ['describe node machine-1', /Non-terminated Pods: +\(3 in total\)/],
      ['describe deployment np-pods', /3 desired \| 3 updated \| 3 total \| 3 available/], ['describe endpoints np-svc', /Addresses: +10\.1\.0\.1,10\.1\.0\.2,10\.1\.0\.3/],
      ['describe endpointslice -l kubernetes.io/service-name=np-svc', /Addresses: +10\.1\.0\.1/],
      ['get pods -o wide', /np-1 +1\/1 +Running +0 +\S+ +10\.1\.0\.1 +machine-1/], ['get nodes', /machine-1 +Ready/], ['get deployments', /np-pods +3\/3 +3 +3/], ['get leases', /np-1 +np-pods\/np-1/],
      ['get all', /pod\/np-1[^]*service\/np-svc[^]*deployment.apps\/np-pods|service\/np-svc[^]*pod\/np-1/], ['get ns', /default +Active/], ['get events', /Registered/],
      ['wait --for=condition=Ready pod/np-1 --timeout=20s', /condition met/], ['wait --for=jsonpath={.status.podIP}=10.1.0.1 pod/np-1 --timeout=20s', /condition met/, undefined, undefined, 0, 23],
      ['rollout status deployment/np-pods --timeout=20s', /successfully rolled out/], ['scale deployment np-pods --replicas=3', /scaled/], ['scale deployment np-pods --replicas=5', /starts and stops no processes/, undefined, undefined, 1],
      ['auth can-i create services', /yes/], ['auth can-i delete nodes', /no/, undefined, undefined, 1], ['version', /v1\.33\.0/], ['cluster-info', /running at/], ['api-resources', /services +svc +/], ['api-versions', /discovery\.k8s\.io\/v1/],
      ['explain service.spec.ports', /nodePort/], [`apply -f ${bothFile}`, /service\/left created/], [`apply --prune -l set=pruned ${minor < 26 ? '--prune-whitelist' : '--prune-allowlist'}=core/v1/Service -f ${prunedFile}`, /service\/kept unchanged\nservice\/left pruned/, 'left', undefined],
      ['delete svc kept', /deleted/], ['explain pods', /Not stored here, but made of what is registered/],
      [`apply -f ${objectsFile}`, /secret\/sec created[^]*ingressclass.networking.k8s.io\/rollcall created[^]*ingress.networking.k8s.io\/web created[^]*horizontalpodautoscaler.autoscaling\/web created/],
      [`apply -f ${objectsFile}`, /secret\/sec configured[^]*ingress.networking.k8s.io\/web unchanged[^]*horizontalpodautoscaler.autoscaling\/web unchanged/], ['get secret sec -o yaml', /rollcall.dev\/tls-data: tls.crt,tls.key/],
      ['get ing', /NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nweb +rollcall +shop.example +80, 443 /], ['get ingressclass', /rollcall +rollcall.dev\/ingress +<none>/], ['get secrets', /sec +kubernetes.io\/tls +2 /],
      ['get hpa', /NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/np-pods +cpu: <unknown>\/80% +1 +5 +\d /], ['describe ingress web', /sec terminates shop.example[^]*shop.example[^]*np-svc:80[^]*Declared/],
      ['describe hpa web', /resource cpu on pods +\(as a percentage of request\): +<unknown> \/ 80%/, undefined, undefined, 0, 23], ['label secret sec tier=front', /labeled/],
      ['create ingress two --rule=a.example/x*=np-svc:80,tls=sec --class=rollcall', /ingress.networking.k8s.io\/two created/], ['get ing two -o jsonpath={.spec.rules[0].http.paths[0]}', /"path":"\/x","pathType":"Prefix"/],
      [`create secret tls sec2 --cert=${certFile} --key=${keyFile}`, /secret\/sec2 created/], ['get secret sec2', /sec2 +kubernetes.io\/tls +2 /], ['create ingress bad --rule=*=np-svc:80', /path: Invalid value|invalid/, undefined, undefined, 1],
      ['autoscale deployment np-pods --min=2 --max=4 --cpu-percent=50', /autoscaled/, undefined, undefined, 0, 23], ['get hpa np-pods', /Deployment\/np-pods +cpu: <unknown>\/50% +2 +4/, undefined, undefined, 0, 23],
      ['delete ing,secrets,hpa --all', /"two" deleted[^]*"sec" deleted[^]*"web" deleted/], ['get ing,secrets,hpa', /No resources found/],
      ['create namespace prod', /namespace\/prod created/], ['create service clusterip web --tcp=80 -n prod', /created/], ['get svc -n prod', /web +ClusterIP/], ['delete namespace prod', /deleted/], ['get ns prod', /namespaces "prod" not found/, undefined, undefined, 1],
      ['label pod np-3 app-', /unlabeled|labeled/], ['get endpoints np-svc', /np-svc +10\.1\.0\.1:8080,10\.1\.0\.2:8080 /], ['delete pod np-3', /pod "np-3" deleted/], ['get pod np-3', /pods "np-3" not found/, undefined, undefined, 1],
      ['delete services np-svc-v2 np-svc-v3', /"np-svc-v2" deleted[^]*"np-svc-v3" deleted/, 'np-svc-v2', undefined], ['delete services np-svc', /service "np-svc" deleted/, 'np-svc', undefined],
      ['get service np-svc', /^Error from server \(NotFound\): services "np-svc" not found/, undefined, undefined, 1], ['delete service np-pods', /instances registered under its name/, undefined, undefined, 1],
      ['get svc x -n nowhere', /not found/, undefined, undefined, 1], ['get nonsense', /doesn't have a resource type/, undefined, undefined, 1], ['top pods', /etrics not available/, undefined, undefined, 1]
    ]
    for (const [command, printed, service, holds, code = 0, since = 0] of table) {
      if (minor < since) continue // this kubectl does not know it, or asks for a version that is long gone
      const answer = await run(...command.split(' '))
      t.match(answer.text, printed, command)
      if (code >= 0) t.equal(answer.code, code, command)
      if (service !== undefined) t.match(await held(service), holds, `${command}: ${service}`)
    }
  })

  t.test(`${name}: over TLS, and so over HTTP/2, it reads and writes as well`, { skip: lacking(name) }, async (t) => {
    const { run, file } = await kubectl(t, name, true)
    for (const [command, printed] of [
      ['get svc', /kubernetes +ClusterIP/], [`apply -f ${file('np', nodePort)}`, /created/], [`apply -f ${file('np', nodePort)}`, /unchanged/], ['get all', /service\/np-svc/], ['describe svc np-svc', /NodePort/],
      ['delete svc np-svc', /deleted/]
    ] as const) t.match(await run(...command.split(' ')), { code: 0, text: printed }, command)
  })

  t.test(`${name}: a watch shows what comes, drains and goes`, { skip: lacking(name) }, async (t) => {
    const { follow, rest } = await kubectl(t, name)
    const register = (id: string, status: string): Promise<{ status: number }> => call('PUT', `${rest}${instancePath(id, 'orders', 'default')}`, { address: '10.1.0.1', status, lease: { ttlMs: 600_000 } })
    await register('orders-1', 'up')
    const watching = follow('get', 'pods', '-w')
    await watching.shows(/orders-1 +1\/1 +Running/)
    while (!(await (await fetch(`${rest}/metrics`)).text()).includes('rollcall_kubernetes_watches{resource="pods"} 1')) await new Promise(setImmediate)
    await register('orders-2', 'up')
    await register('orders-2', 'draining')
    t.match(await watching.shows(/orders-2 +0\/1 +Draining/), /orders-1 +1\/1 +Running/)
    await call('DELETE', `${rest}${instancePath('orders-2', 'orders', 'default')}`)
    await watching.shows(/(?:orders-2 +0\/1 +Draining[^]*){2}/) // its last form, as it goes
    await watching.end()
  })
}
