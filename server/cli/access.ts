// rollcall init, token, whoami and can-i: who may do what.
import { existsSync, writeFileSync } from 'node:fs'
import type { PolicyRule, Role, Verb } from '../../client-sdk/src/manifests.ts'
import { roles, verbs } from '../../client-sdk/src/manifests.ts'
import type { CanI, Page, Token, TokenCreated, WhoAmI } from '../../client-sdk/src/wire.ts'
import { certificateNameRule, defaultDays, isCertificateName, readCertificateHost } from './certificate.ts'
import { path } from './paths.ts'
import { connectionFlags, label, type Command, type Invocation } from './command.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { readDuration } from '../config/duration-text.ts'
import { outputFlag, outputOf, structured } from './output.ts'
import { ruleText } from './shapes.ts'
import { age, type Column, Table } from './table.ts'

export const init: Command = {
  name: 'init',
  summary: 'Makes the first token, of an admin, before there is a registry',
  usage: 'init [flags]',
  details: `Writes a file with the hash of a new token (mode 600) for rollcall serve --token-file, and prints the token: this is the only time
that it is shown. Everything else is done with it: tokens for programs, policies for teams. With --ca also a CA and the certificates of
nodes and clients, as rollcall certificate makes them.`,
  flags: {
    'token-file': { type: 'string', metavar: 'FILE', what: 'The file of the server (default tokens.yaml); one that is there is not touched' },
    name: { type: 'string', metavar: 'NAME', what: 'The name of the token (default admin)' },
    ca: { type: 'boolean', what: 'Makes a CA, too: ca.pem and ca-key.pem' },
    node: { type: 'string', metavar: 'NAME=HOST,...', multiple: true, what: 'With --ca: a certificate for a node, NAME.pem and NAME-key.pem, that clients ask by these names and addresses' },
    client: { type: 'string', metavar: 'NAME', multiple: true, what: 'With --ca: a certificate for a client' },
    directory: { type: 'string', short: 'd', metavar: 'DIR', what: 'Where the files of --ca are written (default .)' }
  },
  examples: [
    ['init --token-file tokens.yaml', 'the token goes to standard output'],
    ['init > admin.token', 'into a file of one\'s own; umask 077 before'],
    ['init --ca --node node1=node1.example,10.0.0.5 -d pki', 'and a CA, with a certificate for a node']
  ],
  run: async (call) => {
    call.arguments()
    const { terminal } = call
    const file = call.text('token-file') ?? 'tokens.yaml'
    const name = tokenName(call.text('name') ?? 'admin')
    if (existsSync(file)) throw new CommandError(`${file} is there already: it is not touched. Name another file, or make more tokens with rollcall token create`, exitCodes.failure)
    const team = teamOf(call)
    if (team !== undefined) terminal.err(await makeTeam(team, terminal.now()))
    const { hashOf, newToken } = await import('../access/token-text.ts')
    const token = newToken()
    const lines = ['# Tokens that nodes know besides those of the store (rollcall serve --token-file). Hashes only.', 'tokens:', `- name: ${name}`,
      `  hash: ${hashOf(token).toString('hex')}`, '  rules: [{ role: admin }]', `  createdAt: ${new Date(terminal.now()).toISOString()}`, '']
    try {
      writeFileSync(file, lines.join('\n'), { mode: 0o600, flag: 'wx' })
    } catch (error) {
      throw new CommandError(`${file} cannot be written (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`, exitCodes.failure)
    }
    terminal.err([
      `${file} is written: it has the hash of the token "${name}", not the token.`,
      'The token stands below, once. Keep it, and start a node that knows it:',
      `  rollcall serve --access on --token-file ${file}`,
      'Then, with the token in ROLLCALL_TOKEN (or after rollcall login):',
      '  rollcall token create NAME --role agent -n NAMESPACE'
    ])
    terminal.out(token)
  }
}

interface Team {
  readonly directory: string
  readonly members: readonly { readonly name: string, readonly hosts: readonly string[] }[]
}

/** What --ca asks for; undefined = nothing. */
function teamOf (call: Invocation): Team | undefined {
  const [nodes, clients] = [call.texts('node'), call.texts('client')]
  if (!call.flag('ca')) {
    const given = ['node', 'client', 'directory'].find((flag) => call.texts(flag).length > 0)
    if (given !== undefined) throw new UsageError(`--${given} goes with --ca`)
    return undefined
  }
  const members = [
    ...nodes.map((text) => {
      const at = text.indexOf('=')
      const hosts = at === -1 ? [] : text.slice(at + 1).split(',').map((host) => host.trim()).filter((host) => host !== '')
      if (hosts.length === 0) throw new UsageError(`--node must be NAME=HOST,..., got ${JSON.stringify(text)}`)
      for (const host of hosts) {
        try {
          readCertificateHost(host)
        } catch (error) {
          throw new UsageError(`--node ${error instanceof Error ? error.message : String(error)}, got ${JSON.stringify(host)}`)
        }
      }
      return { name: text.slice(0, at), hosts: [...new Set(hosts)] }
    }),
    ...clients.map((name) => ({ name, hosts: [] }))
  ]
  for (const [index, { name }] of members.entries()) {
    if (!isCertificateName(name)) throw new UsageError(`the name of a certificate ${certificateNameRule}, got ${JSON.stringify(name)}`)
    if (members.findIndex((other) => other.name === name) !== index) throw new UsageError(`two certificates cannot be called ${JSON.stringify(name)}`)
  }
  return { directory: call.text('directory') ?? '.', members }
}

/** @returns a line for each pair of files. @throws CommandError for files that are there already */
async function makeTeam ({ directory, members }: Team, nowMs: number): Promise<string[]> {
  const { issueCertificate, makeAuthority } = await import('./certificate-files.ts')
  const common = { directory, force: false, nowMs }
  const authority = await makeAuthority({ ...common, days: defaultDays.ca, subject: 'Rollcall CA' })
  const lines = [`${authority.cert} is the CA, ${authority.key} its key: it stays where certificates are issued.`]
  for (const { name, hosts } of members) {
    const { cert, key } = await issueCertificate({ ...common, days: defaultDays.certificate, name, hosts, uris: [] })
    lines.push(`${cert} and ${key} are ${hosts.length > 0 ? 'for a node: --http-tls-cert, --http-tls-key' : 'for a client: --cert, --key'}.`)
  }
  return lines
}

const ruleFlags = {
  role: { type: 'string', metavar: 'ROLE', what: `What it may do: ${roles.join(', ')}` },
  verb: { type: 'string', multiple: true, metavar: 'VERB', what: `Instead of a role: ${verbs.join(', ')}` },
  namespace: { type: 'string', short: 'n', multiple: true, metavar: 'NAMESPACE', what: 'Where: names, or patterns with *' },
  service: { type: 'string', multiple: true, metavar: 'SERVICE', what: 'Of which services: names, or patterns with * (default all)' },
  'address-range': { type: 'string', multiple: true, metavar: 'CIDR', what: 'Which addresses may be registered (default all)' }
} as const

export const token: Command = {
  name: 'token',
  summary: 'Makes, lists or revokes tokens',
  usage: 'token create NAME|list|revoke NAME|ID [flags]',
  details: `A token is of the identity token:NAME, which policies may be about; several tokens may have one name, so that one can be replaced by
another without a break. With --role or --verb it brings rights of its own along. create prints the token once; the registry keeps its hash.
revoke takes effect on all nodes at once.`,
  flags: { ...ruleFlags, expires: { type: 'string', metavar: 'DURATION', what: 'Of create: how long it is good (default: until it is revoked)' }, ...outputFlag, ...connectionFlags },
  examples: [
    ['token create shop-orders --role agent -n shop --service orders', 'for the program that is orders'],
    ['token create ci --verb declare -n shop --expires 1h', 'for a deploy'],
    ['token list', 'who has one, until when, and when it was used last'],
    ['token revoke shop-orders', 'all tokens of that name']
  ],
  run: async (call) => {
    const [what = ''] = call.positionals
    const output = outputOf(call, ['json', 'yaml'])
    if (what === 'create') {
      const [, name = ''] = call.arguments('what', 'NAME')
      const rule = ruleOf(call)
      const expires = call.read('expires', readDuration)
      const api = await call.api()
      const created = await api.post<TokenCreated>('/v1/tokens', {
        name: tokenName(name), ...(rule === undefined ? {} : { rules: [rule] }),
        ...(expires === undefined ? {} : { expiresAt: new Date(call.terminal.now() + expires).toISOString() })
      })
      if (output !== undefined) return call.terminal.out(await structured(created, output))
      call.terminal.err(`token ${created.id} of token:${created.name}${created.expiresAt === undefined ? '' : `, until ${created.expiresAt}`}: this is the only time that it is shown`)
      call.terminal.out(created.token)
    } else if (what === 'list') {
      call.arguments('what')
      const answer = await (await call.api()).get<Page<Token>>('/v1/tokens')
      if (output !== undefined) return call.terminal.out(await structured(answer, output))
      const table = new Table(columns(call.terminal.now), { wide: false, colours: call.terminal.colours })
      for (const line of table.lines([...answer.items])) call.terminal.out(line)
    } else if (what === 'revoke') {
      const [, name = ''] = call.arguments('what', 'NAME or ID')
      const answer = await (await call.api()).revoke<Page<Token>>(path('tokens', name))
      if (output !== undefined) return call.terminal.out(await structured(answer, output))
      for (const { id, name } of answer.items) call.terminal.out(`token ${id} of token:${name} is revoked`)
    } else throw new UsageError(`token must be followed by create, list or revoke, got ${JSON.stringify(what)}`)
  }
}

export const whoami: Command = {
  name: 'whoami',
  summary: 'Shows who the registry takes you for, and what permits you something',
  usage: 'whoami [flags]',
  flags: { ...outputFlag, ...connectionFlags },
  examples: [['whoami', 'with the token in use']],
  run: async (call) => {
    call.arguments()
    const who = await (await call.api()).get<WhoAmI>('/v1/whoami')
    const output = outputOf(call, ['json', 'yaml'])
    if (output !== undefined) return call.terminal.out(await structured(who, output))
    call.terminal.out(who.subject)
    call.terminal.out([
      `from ${who.address}, access control is ${who.access}${who.expiresAt === undefined ? '' : `, until ${who.expiresAt}`}`,
      ...(who.sources.length === 0 ? ['nothing permits it anything'] : who.sources.map((source) => `by ${source}`))
    ])
  }
}

export const canI: Command = {
  name: 'can-i',
  summary: 'Says whether you may do something, and which policy says so',
  usage: 'can-i VERB [NAMESPACE [SERVICE]] [flags]',
  details: `VERB is ${verbs.join(', ')}. Exit code 0: you may, 1: you may not.`,
  flags: { ...outputFlag, ...connectionFlags },
  examples: [['can-i register shop orders', 'before a deploy'], ['can-i admin', 'tokens and policies']],
  run: async (call) => {
    const [verb = '', namespace = 'default', service, surplus] = call.positionals
    if (verb === '') throw new UsageError('VERB is missing')
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    if (!(verbs as readonly string[]).includes(verb)) throw new UsageError(`VERB must be one of ${verbs.join(', ')}, got ${JSON.stringify(verb)}`)
    const answer = await (await call.api()).get<CanI>('/v1/can-i', {
      verb, namespace: label('namespace', namespace), service: service === undefined ? undefined : label('service', service)
    })
    const output = outputOf(call, ['json', 'yaml'])
    if (output !== undefined) call.terminal.out(await structured(answer, output))
    else call.terminal.out(`${answer.allowed ? 'yes' : 'no'}: ${answer.reason}`)
    return answer.allowed ? exitCodes.ok : exitCodes.failure
  }
}

function columns (now: () => number): readonly Column<Token>[] {
  const past = (text: string | undefined): string => (text === undefined ? '' : `${age(text, now())} ago`)
  return [
    { title: 'NAME', value: ({ name }) => name },
    { title: 'ID', value: ({ id }) => id },
    { title: 'PLACE', value: ({ place }) => place },
    { title: 'RULES', value: ({ rules }) => rules.map(ruleText).join('; ') },
    { title: 'EXPIRES', value: ({ expiresAt = '', expired }) => (expired ? 'expired' : expiresAt), colour: ({ expired }) => (expired ? 'red' : undefined) },
    { title: 'USED', value: ({ usedAt }) => past(usedAt) },
    { title: 'CREATED', value: ({ createdAt }) => past(createdAt) }
  ]
}

function ruleOf (call: Invocation): PolicyRule | undefined {
  const role = call.choice<Role>('role', roles)
  const said = call.texts('verb').flatMap((text) => text.split(','))
  const wrong = said.find((verb) => !(verbs as readonly string[]).includes(verb))
  if (wrong !== undefined) throw new UsageError(`--verb must be one of ${verbs.join(', ')}, got ${JSON.stringify(wrong)}`)
  if (role !== undefined && said.length > 0) throw new UsageError('--role and --verb exclude each other')
  const [namespaces, services, addresses] = ['namespace', 'service', 'address-range'].map((name) => call.texts(name).flatMap((text) => text.split(',')))
  if (role === undefined && said.length === 0) {
    if ([namespaces, services, addresses].some((list) => list !== undefined && list.length > 0)) throw new UsageError('--role or --verb is missing: what may it do there?')
    return undefined
  }
  return {
    ...(role === undefined ? { verbs: said as Verb[] } : { role }), // each has just been found among them
    ...(namespaces === undefined || namespaces.length === 0 ? {} : { namespaces }),
    ...(services === undefined || services.length === 0 ? {} : { services }),
    ...(addresses === undefined || addresses.length === 0 ? {} : { addresses })
  }
}

function tokenName (name: string): string {
  if (!/^[a-z0-9](?:[-._a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw new UsageError(`the name of a token must be 1-63 of a-z, 0-9, "-", "." and "_", got ${JSON.stringify(name)}`)
  return name
}
