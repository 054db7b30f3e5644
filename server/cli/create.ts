// rollcall create: an ingress or a certificate without writing a manifest.
import { readFile } from 'node:fs/promises'
import type { Ingress, IngressBackend, Secret } from '../../client-sdk/src/ingress-manifests.ts'
import { connectionFlags, dryRunFlag, namespaceFlag, type Command, type Invocation } from './command.ts'
import { objectName } from './declared-kinds.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { outputOf } from './output.ts'

const ruleForm = 'HOST/PATH=SERVICE:PORT[,tls[=SECRET]]'

export const create: Command = {
  name: 'create',
  summary: 'Declares an ingress, or the secret of a certificate',
  usage: 'create ingress NAME --rule RULE... | secret tls NAME --certificate FILE --private-key FILE [flags]',
  details: `A RULE is ${ruleForm}, as for kubectl: a PATH that ends in * is a prefix, without it it is exact; without a HOST it is
of every host, *.HOST stands for one label. tls=SECRET names the Secret that has the certificate of the host; tls alone the default one.
What is there under that name already is replaced: of a secret only what is given.`,
  flags: {
    rule: { type: 'string', multiple: true, metavar: 'RULE', what: `Of an ingress: ${ruleForm}; may be given several times` },
    class: { type: 'string', metavar: 'NAME', what: 'Of an ingress: its class (default: none, which is the default class)' },
    'default-backend': { type: 'string', metavar: 'SERVICE:PORT', what: 'Of an ingress: who answers where no rule fits' },
    annotation: { type: 'string', multiple: true, metavar: 'KEY=VALUE', what: 'Of an ingress: an annotation; may be given several times' },
    certificate: { type: 'string', metavar: 'FILE', what: 'Of a secret: the certificate in PEM form, and those that lead to its CA' },
    'private-key': { type: 'string', metavar: 'FILE', what: 'Of a secret: its key in PEM form' },
    ...dryRunFlag,
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json, yaml or name: the result instead of a sentence' },
    ...connectionFlags
  },
  examples: [
    ['create ingress shop --rule "shop.example/*=web:80,tls=shop-tls"', 'one host over HTTP and TLS'],
    ['create ingress api --rule "api.example/v1*=orders:http" --rule "api.example/health=orders:80"', 'a prefix and an exact path'],
    ['create secret tls shop-tls --certificate shop.crt --private-key shop.key', 'a certificate; the same again replaces it']
  ],
  run: async (call) => {
    const manifest = call.positionals[0] === 'secret' ? await secretOf(call) : ingressOf(call)
    const form = outputOf(call, ['json', 'yaml', 'name'] as const)
    const { applyText } = await import('./apply.ts')
    await applyText(call, await call.api(), JSON.stringify(manifest), form)
  }
}

function ingressOf (call: Invocation): object {
  const [kind = '', name = ''] = call.arguments('ingress or secret', 'its name')
  if (kind !== 'ingress' && kind !== 'ing') throw new UsageError(`${JSON.stringify(kind)} cannot be created here: ingress or secret tls can`)
  refuse(call, 'an ingress', ['certificate', 'private-key'])
  const rules = call.texts('rule').map(readRule)
  const backend = call.text('default-backend')
  if (rules.length === 0 && backend === undefined) throw new UsageError('--rule or --default-backend is missing')
  const annotations = Object.fromEntries(call.texts('annotation').map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`--annotation must be KEY=VALUE, got ${JSON.stringify(text)}`)
    return [text.slice(0, at), text.slice(at + 1)]
  }))
  const tls = tlsOf(rules)
  const byHost = [...Map.groupBy(rules, ({ host }) => host)]
  const ingressClassName = call.text('class')
  const spec: Ingress['spec'] = {
    ...(ingressClassName === undefined ? {} : { ingressClassName }),
    ...(backend === undefined ? {} : { defaultBackend: readBackend('--default-backend', backend) }),
    ...(rules.length === 0 ? {} : { rules: byHost.map(([host, of]) => ({ ...(host === '' ? {} : { host }), http: { paths: of.map(({ path }) => path) } })) }),
    ...(tls.length === 0 ? {} : { tls })
  }
  const metadata = { name: objectName('the name of the ingress', name), namespace: call.namespace, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec }
}

interface Rule {
  readonly host: string
  readonly path: { readonly path: string, readonly pathType: 'Exact' | 'Prefix', readonly backend: IngressBackend }
  /** Empty = the default certificate; undefined = none. */
  readonly secret: string | undefined
}

/** Kubernetes' form, so that what people know works. */
function readRule (text: string): Rule {
  const fault = new UsageError(`--rule must be ${ruleForm}, got ${JSON.stringify(text)}`)
  const [route = '', ...options] = text.split(',')
  const at = route.lastIndexOf('=')
  const slash = route.indexOf('/')
  if (at === -1 || slash === -1 || slash > at) throw fault
  const [tls, ...rest] = options
  if (rest.length > 0 || (tls !== undefined && !/^tls(?:=.*)?$/.test(tls))) throw fault
  const path = route.slice(slash, at)
  const isPrefix = path.endsWith('*')
  const backend = readBackend('--rule', route.slice(at + 1))
  return {
    host: route.slice(0, slash),
    path: { path: isPrefix ? path.slice(0, -1) : path, pathType: isPrefix ? 'Prefix' : 'Exact', backend },
    secret: tls?.slice('tls='.length)
  }
}

function readBackend (flag: string, text: string): IngressBackend {
  const [name = '', port = '', ...rest] = text.split(':')
  if (name === '' || port === '' || rest.length > 0) throw new UsageError(`${flag} must name SERVICE:PORT, got ${JSON.stringify(text)}`)
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } }
}

/** One entry a secret, with the hosts that name it. */
function tlsOf (rules: readonly Rule[]): NonNullable<Ingress['spec']['tls']> {
  const asked = rules.filter(({ secret }) => secret !== undefined)
  return [...Map.groupBy(asked, ({ secret }) => secret ?? '')].map(([secret, of]) => {
    const hosts = [...new Set(of.map(({ host }) => host).filter((host) => host !== ''))]
    return { ...(hosts.length === 0 ? {} : { hosts }), ...(secret === '' ? {} : { secretName: secret }) }
  })
}

async function secretOf (call: Invocation): Promise<object> {
  const [, type = '', name = ''] = call.arguments('secret', 'tls', 'its name')
  if (type !== 'tls') throw new UsageError(`a secret is one of a certificate here: create secret tls NAME, got ${JSON.stringify(type)}`)
  refuse(call, 'a secret', ['rule', 'class', 'default-backend', 'annotation'])
  const [cert, key] = await Promise.all([textOf(call, 'certificate'), textOf(call, 'private-key')])
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return {
    apiVersion: 'v1', kind: 'Secret', metadata: { name: objectName('the name of the secret', name), namespace: call.namespace }, type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(cert), 'tls.key': base64(key) }
  } satisfies Secret
}

function refuse (call: Invocation, what: string, flags: readonly string[]): void {
  for (const flag of flags) if (call.texts(flag).length > 0 || call.text(flag) !== undefined) throw new UsageError(`--${flag} is not for ${what}`)
}

async function textOf (call: Invocation, flag: 'certificate' | 'private-key'): Promise<string> {
  const file = call.text(flag)
  if (file === undefined) throw new UsageError(`--${flag} is missing`)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`--${flag}: ${error instanceof Error ? error.message : String(error)}`, exitCodes.failure, { cause: error })
  }
}
