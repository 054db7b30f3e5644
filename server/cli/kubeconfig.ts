// rollcall kubeconfig: what kubectl and other clients of Kubernetes need to ask this registry.
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import type { EndpointsAnswer } from '../../client-sdk/src/wire.ts'
import { yamlText } from '../yaml-text.ts'
import { connectionFlags, label, namespaceFlag, type Command, type Invocation } from './command.ts'
import { UsageError } from './errors.ts'

/** Where a node that answers says so (server/kubernetes/own-service.ts). */
const urlKey = 'rollcall.dev/kubernetes-url'
const defaultName = 'rollcall'
const namePattern = /^[A-Za-z0-9](?:[-._A-Za-z0-9@:]{0,125}[A-Za-z0-9])?$/

interface Named {
  readonly name: string
}

/** The parts of a kubeconfig that are lists of named things. */
interface Parts {
  readonly clusters: Named & { readonly cluster: object }
  readonly users: Named & { readonly user: object }
  readonly contexts: Named & { readonly context: object }
}

export const kubeconfig: Command = {
  name: 'kubeconfig',
  summary: 'Writes what kubectl needs to ask this registry',
  usage: 'kubeconfig [flags]',
  details: `A cluster, a user and a context of one name, for nodes that are started with --kubernetes; where those answer is asked of the registry.
Without --merge it is printed. With it, the file that kubectl reads (KUBECONFIG, else ~/.kube/config) has it from then on, and uses it; all else in
the file stays. The token goes into the file, too. kubectl sends it over TLS only.`,
  flags: {
    merge: { type: 'boolean', what: 'Puts it into the file that kubectl reads, and makes it the current context' },
    name: { type: 'string', metavar: 'NAME', what: `What cluster, user and context are called (default ${defaultName})` },
    server: { type: 'string', metavar: 'URL', what: 'Where the API of Kubernetes is answered, where the registry does not say it as clients reach it' },
    'certificate-authority': { type: 'string', metavar: 'FILE', what: 'The CAs of which one must have issued the certificate there, in PEM form (default those of --ca or ROLLCALL_CA)' },
    ...namespaceFlag,
    ...connectionFlags
  },
  examples: [
    ['kubeconfig --merge', 'kubectl get services asks this registry from then on'],
    ['kubeconfig > rollcall.kubeconfig', 'for KUBECONFIG=rollcall.kubeconfig'],
    ['kubeconfig --server https://registry.example:7443 --certificate-authority ca.pem --token-file token', 'over TLS, with a token']
  ],
  run: async (call) => {
    call.arguments()
    const name = call.text('name') ?? defaultName
    if (!namePattern.test(name)) throw new UsageError(`--name must be letters, digits, ".", "_", "-", "@" and ":", got ${JSON.stringify(name)}`)
    const server = await serverOf(call)
    const parts = partsOf(call, name, server)
    if (!call.flag('merge')) {
      const whole = { apiVersion: 'v1', kind: 'Config', clusters: [parts.clusters], users: [parts.users], contexts: [parts.contexts], 'current-context': name }
      return void call.terminal.out(yamlText(whole).trimEnd().split('\n'))
    }
    const path = merge(call, name, parts)
    call.terminal.out(`context "${name}" is in ${path}, and in use: kubectl asks ${server}`)
  }
}

/** What was given, else what a node of the registry says of itself. */
async function serverOf (call: Invocation): Promise<string> {
  const given = call.text('server')
  if (given !== undefined) {
    if (!/^https?:\/\//.test(given) || !URL.canParse(given)) throw new UsageError('--server must be an http or https URL, like https://registry.example:7443')
    return given.replace(/\/$/, '')
  }
  const api = await call.api()
  let endpoints: EndpointsAnswer['endpoints'] = []
  try {
    endpoints = (await api.get<EndpointsAnswer>('/v1/namespaces/default/services/kubernetes/endpoints')).endpoints
  } catch (error) {
    if (!(error instanceof Error && 'status' in error && error.status === 404)) throw error
  } finally {
    await api.close()
  }
  const url = endpoints.map(({ metadata }) => metadata[urlKey]).find((each) => each !== undefined && URL.canParse(each))
  if (url === undefined) throw new UsageError('no node of this registry answers clients of Kubernetes: start one with --kubernetes HOST:PORT, or name one with --server URL')
  return url
}

function partsOf (call: Invocation, name: string, server: string): Parts {
  const isPlain = server.startsWith('http:')
  const file = call.text('certificate-authority') ?? call.text('ca') ?? (call.terminal.env['ROLLCALL_CA'] || undefined)
  // @kubernetes/client-node refuses plain HTTP unless it is told that nothing is to be verified.
  const trust = isPlain ? { 'insecure-skip-tls-verify': true } : file === undefined ? {} : { 'certificate-authority-data': Buffer.from(readAuthority(call, file)).toString('base64') }
  const { token } = call
  if (isPlain && token !== undefined) call.terminal.err('rollcall: kubectl sends no token without TLS: this one opens nothing there')
  const namespace = call.text('namespace')
  return {
    clusters: { name, cluster: { server, ...trust } },
    // Over TLS kubectl asks for a user name and a password where it has nothing to show; without access control any token will do.
    users: { name, user: token !== undefined ? { token } : isPlain ? {} : { token: 'anonymous' } },
    contexts: { name, context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace: label('namespace', namespace) }) } }
  }
}

function readAuthority (call: Invocation, file: string): string {
  let text: string
  try {
    text = call.terminal.readFile(file)
  } catch (error) {
    throw new UsageError(`--certificate-authority must name a file that can be read (${error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'})`)
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new UsageError('--certificate-authority must name a file with certificates in PEM form')
  return text
}

/** The first file that kubectl reads, with these parts in the place of those of their name. @throws UsageError if it is no kubeconfig */
function merge (call: Invocation, name: string, parts: Parts): string {
  const { env, privateFile } = call.terminal
  const [first = ''] = (env['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '')
  const path = first !== '' ? first : env['HOME'] ? join(env['HOME'], '.kube', 'config') : ''
  if (path === '' || privateFile === undefined) throw new UsageError('there is neither KUBECONFIG nor HOME: leave --merge out, and keep what is printed')
  const text = privateFile.read(path)?.text ?? ''
  const document = parseDocument(text.trim() === '' ? 'apiVersion: v1\nkind: Config\n' : text)
  const known: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 })
  if (typeof known !== 'object' || known === null || Array.isArray(known)) throw new UsageError(`${path} is no kubeconfig: move it away, or name another file by KUBECONFIG`)
  for (const [list, part] of Object.entries(parts) as [keyof Parts, Parts[keyof Parts]][]) { // its own members
    const before = (known as Readonly<Record<string, unknown>>)[list] ?? []
    if (!Array.isArray(before)) throw new UsageError(`${path} is no kubeconfig: its ${list} are no list`)
    const others = (before as unknown[]).filter((each) => typeof each !== 'object' || each === null || (each as Named).name !== name)
    document.set(list, document.createNode([...others, part]))
  }
  document.set('current-context', name)
  privateFile.write(path, String(document))
  return path
}
