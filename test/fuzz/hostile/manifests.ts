// Manifests: streams of YAML in all shapes, and JSON, to apply, to delete and to single paths.
import { exampleEndpointsObject, exampleManifest, exampleNamespace, exampleSlice } from '../../../server/http/api/schemas.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, many, namespaces, request, requestText, services } from './attack.ts'
import { hostileJson } from './json-mutants.ts'

const yaml = 'application/yaml'
const shapes: readonly ((random: Random) => string)[] = [
  () => 'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n',
  () => 'a: &a\n  <<: *a\n', () => '&a [*a]\n', () => '? {a: b}\n: c\n', () => '!!binary |\n  R0lGODlhDAAMAIQAAP//\n', () => '!!js/function "x"\n', () => '%YAML 9.9\n---\na: 1\n',
  (random) => `${'- '.repeat(random.one([50, 5_000, 100_000]))}x\n`, (random) => `${'['.repeat(random.one([50, 50_000]))}\n`, (random) => `${'{a: '.repeat(random.one([50, 20_000]))}\n`,
  (random) => '---\n'.repeat(random.one([10, 2_000, 200_000])), (random) => `a: "${'\\x00'.repeat(random.below(10_000))}"\n`, () => '\ufeffkind: Service\n', () => 'kind: Service\r\r\nx\0: 1\n',
  (random) => Array.from({ length: random.below(3_000) }, (_none, index) => `k${index}: v`).join('\n'), () => 'kind: Service\nkind: Namespace\n', () => '- - - - x\n -y\n', () => 'a: |9\n x\n', () => '"\\uD800"\n',
  (random) => `x: ${'9'.repeat(random.one([20, 20_000]))}\n`, (random) => '# '.repeat(random.below(100_000)), () => '\t: x\n', () => '<<: [1, 2]\n', () => 'yes: no\n12:30:45: 1_000\n'
]

function service (name: string, random: Random): string {
  const port = random.below(10) === 0 ? 99_999 : 1 + random.below(65_535)
  const type = random.one(['', '  type: NodePort\n', '  type: LoadBalancer\n', '  clusterIP: None\n', '  type: ExternalName\n  externalName: a.slow.example\n'])
  return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n  namespace: ${random.one(namespaces)}\nspec:\n${type}  selector: {app: ${name}}\n  ports: [{name: http, port: ${port}}]\n`
}

function document (random: Random): string {
  switch (random.below(5)) {
    case 0: return random.one(shapes)(random)
    case 1: return `${hostileJson(random.one<object>([exampleManifest, exampleEndpointsObject, exampleNamespace, exampleSlice]), random).replaceAll('"shop"', `"${random.one(namespaces)}"`)}\n`
    default: return service(random.one(services), random)
  }
}

function hostileText (text: string, random: Random): string {
  const at = random.below(text.length + 1)
  switch (random.below(10)) {
    case 0: return text.slice(0, at)
    case 1: return text.slice(0, at) + random.one(['\t', '\0', '\u2028', ': ', '&a ', '*a', '|\n', '!!x ', '\r', '---\n', '...\n', '<<: ']) + text.slice(at)
    case 2: return text.replaceAll('\n', '\r\n')
    default: return text
  }
}

async function streams (strike: Strike): Promise<void> {
  const { random } = strike
  for (let count = many(strike, 10); count > 0 && !strike.signal.aborted; count--) {
    const text = hostileText(Array.from({ length: 1 + random.below(8) }, () => document(random)).join('---\n'), random)
    const media = random.one([yaml, 'text/yaml', 'application/json'])
    const namespace = random.one(namespaces)
    const [method, path] = random.one([
      ['POST', '/v1/apply'], ['POST', '/v1/apply?dryRun=true'], ['POST', '/v1/apply?foreign=skip'], ['POST', '/v1/delete?ignoreMissing=true'],
      ['PUT', `/v1/namespaces/${namespace}/services/${random.one(services)}`], ['PUT', `/v1/namespaces/${namespace}`]
    ])
    await request(strike, requestText(method ?? '', path ?? '', text, media))
  }
}

/** Up to 4 MiB of services that nobody keeps. */
async function long (strike: Strike): Promise<void> {
  const { random } = strike
  const text = Array.from({ length: many(strike, 3_000) }, (_none, index) => service(`long-${index}`, random)).join('---\n')
  await Promise.all(Array.from({ length: 1 + random.below(4) }, () => request(strike, requestText('POST', '/v1/apply?dryRun=true', text, yaml), 10_000)))
}

export const manifests: readonly Attack[] = [
  { name: 'manifests', weight: 6, run: streams },
  { name: 'long manifests', weight: 1, run: long }
]
