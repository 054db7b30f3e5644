// rollcall login and context: registries by name.
import { resolve } from 'node:path'
import type { WhoAmI } from '../../client-sdk/src/wire.ts'
import { connectionFlags, isHttps, label, tlsFlags, type Command, type Invocation, type TlsFiles } from './command.ts'
import { readAddresses, readToken } from './connection.ts'
import { type Context, contextName, readContexts, writeContexts } from './contexts.ts'
import { UsageError } from './errors.ts'
import { Table } from './table.ts'

const maxInput = 16_384

export const login: Command = {
  name: 'login',
  summary: 'Keeps the address and the token of a registry, for all commands that follow',
  usage: 'login [flags]',
  details: `The token is taken from --token-file, from ROLLCALL_TOKEN, or else from standard input; the registry is asked whose it is before it is
kept. It goes into a context (contexts.json in ~/.config/rollcall, mode 600) with the paths of --ca, --cert and --key, which is in use from then on.`,
  flags: {
    context: { type: 'string', metavar: 'NAME', what: 'The name of the context (default: the host of the address)' },
    namespace: { type: 'string', short: 'n', metavar: 'NAMESPACE', what: 'The namespace of commands that name none' },
    ...connectionFlags
  },
  examples: [
    ['login --address https://registry.example:7500 < token.txt', 'from then on commands go there'],
    ['login --context test --address http://127.0.0.1:7500', 'the token is typed, or pasted']
  ],
  run: async (call) => {
    call.arguments()
    const { terminal, addresses } = call
    const given = call.givenToken ?? readToken(await terminal.readInput(maxInput), 'the token on standard input')
    const api = await call.api(undefined, given)
    const who = await api.get<WhoAmI>('/v1/whoami').finally(() => api.close())
    const name = checkedName(call.text('context') ?? new URL(whole(addresses[0] ?? '')).hostname.replaceAll(/[[\]:]/g, '-').replace(/^-+|-+$/g, ''))
    const { contexts } = readContexts(terminal)
    const namespace = call.text('namespace')
    const context: Context = {
      address: addresses.join(','), token: given, ...(namespace === undefined ? {} : { namespace: label('namespace', namespace) }), ...keptFiles(call, addresses)
    }
    const path = writeContexts(terminal, { current: name, contexts: { ...contexts, [name]: context } })
    terminal.out(`logged in as ${who.subject}${who.access === 'on' ? '' : ` (access control of this registry: ${who.access})`}`)
    terminal.err(`context "${name}" is kept in ${path}, and in use`)
  }
}

export const context: Command = {
  name: 'context',
  summary: 'Adds, chooses, lists or removes contexts: registries by name',
  usage: 'context add|use|list|remove [NAME] [flags]',
  details: `A context has the address of a registry, and may have a token (or the file of one), a namespace, and the paths of the files for https. The
one in use counts where neither a flag nor a variable says otherwise; its token is sent to its own address only.`,
  flags: {
    address: { type: 'string', metavar: 'URL', what: 'Of add: the registry; several with commas' },
    'token-file': { type: 'string', metavar: 'FILE', what: 'Of add: the file that holds the token; it is read at each command' },
    namespace: { type: 'string', short: 'n', metavar: 'NAMESPACE', what: 'Of add: the namespace of commands that name none' },
    ...tlsFlags
  },
  examples: [
    ['context add test --address http://127.0.0.1:7500', 'without a token'],
    ['context use test', 'from then on commands go there'],
    ['context list', 'all of them; tokens are not shown']
  ],
  run: async (call) => {
    const [what = '', given] = call.positionals
    const known = readContexts(call.terminal)
    if (what === 'list') {
      call.arguments('what')
      const rows = Object.entries(known.contexts).map(([name, each]) => ({ name, ...each }))
      const table = new Table<(typeof rows)[number]>([
        { title: 'CURRENT', value: ({ name }) => (name === known.current ? '*' : '') }, { title: 'NAME', value: ({ name }) => name }, { title: 'ADDRESS', value: ({ address }) => address },
        { title: 'NAMESPACE', value: ({ namespace = '' }) => namespace }, { title: 'TOKEN', value: ({ token, tokenFile }) => tokenFile ?? (token === undefined ? '' : 'kept') }
      ], { wide: false, colours: call.terminal.colours })
      for (const line of table.lines(rows)) call.terminal.out(line)
      return
    }
    if (!['add', 'use', 'remove'].includes(what)) throw new UsageError(`context must be followed by add, use, list or remove, got ${JSON.stringify(what)}`)
    call.arguments('what', 'NAME')
    const name = checkedName(given ?? '')
    if (what === 'add') {
      writeContexts(call.terminal, { current: known.current ?? name, contexts: { ...known.contexts, [name]: added(call) } })
      call.terminal.out(`context "${name}" is kept${known.current === undefined ? ', and in use' : ''}`)
      return
    }
    if (!Object.hasOwn(known.contexts, name)) throw new UsageError(`there is no context ${JSON.stringify(name)}: ${Object.keys(known.contexts).join(', ') || 'there are none'}`)
    if (what === 'use') writeContexts(call.terminal, { ...known, current: name })
    else {
      const contexts = Object.fromEntries(Object.entries(known.contexts).filter(([each]) => each !== name))
      writeContexts(call.terminal, { current: known.current === name ? undefined : known.current, contexts })
    }
    call.terminal.out(what === 'use' ? `context "${name}" is in use` : `context "${name}" is removed`)
  }
}

function added (call: Invocation): Context {
  const address = call.text('address')
  if (address === undefined) throw new UsageError('--address is missing: a context is the registry at an address')
  const [tokenFile, namespace] = [call.text('token-file'), call.text('namespace')]
  const addresses = readAddresses(address, '--address')
  return {
    address: addresses.join(','), ...keptFiles(call, addresses),
    ...(tokenFile === undefined ? {} : { tokenFile }), ...(namespace === undefined ? {} : { namespace: label('namespace', namespace) })
  }
}

/** With whole paths: later commands run in other directories. */
function keptFiles (call: Invocation, addresses: readonly string[]): TlsFiles {
  const isSecure = isHttps(addresses)
  const files = call.tlsFiles(isSecure)
  return isSecure ? Object.fromEntries(Object.entries(files).map(([name, path]) => [name, resolve(path)])) : {}
}

function checkedName (name: string): string {
  if (!contextName.test(name)) throw new UsageError(`the name of a context must be 1-63 of letters, digits, "-", "." and "_", got ${JSON.stringify(name)}`)
  return name
}

function whole (address: string): string {
  return address.includes('://') ? address : `http://${address}`
}
