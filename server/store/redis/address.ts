// Where Redis is. The shapes that are legal:
//   1. redis://[user:password@]host[:port][/db]                                       one server
//   2. redis+sentinel://[user:password@]host[:port][,host[:port]...]/name[?options]   a master that Sentinels name
//   3. redis+cluster://[user:password@]host[:port][,host[:port]...]                   a Cluster, any of its nodes
// rediss instead of redis: TLS. Options: username, password, db, and for Sentinel sentinelUsername, sentinelPassword.
import { invalid, type RegistryError } from '../../errors.ts'

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface Credentials {
  readonly username: string | undefined
  readonly password: string | undefined
}

export interface RedisAddress extends Credentials {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly hosts: readonly HostPort[]
  /** The name of the master, with Sentinel. */
  readonly master: string
  readonly sentinel: Credentials
  readonly db: number
  readonly tls: boolean
  /** For people: without user, password and options. */
  readonly location: string
}

/** More seeds than this do not help: each is asked in turn. */
const maxHosts = 64
const shape = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const defaultPorts = { single: 6379, sentinel: 26_379, cluster: 6379 } as const

/** Reads an address. Throws REG_INVALID; the message shows nothing of the address: with a slip any part of it may be a password. */
export function parseAddress (url: string): RedisAddress {
  const match = shape.exec(url)
  if (match === null) {
    throw fault('must be redis://host:port/db, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port (rediss for TLS); "@", "/", "?" and "#" in a password are written as %40, %2F, %3F and %23')
  }
  const [, scheme, mode, userInfo, hostList = '', path = '', query = ''] = match
  const kind = mode === 'sentinel' || mode === 'cluster' ? mode : 'single'
  const hosts = hostList.split(',').map((text, index) => parseHost(text, index, defaultPorts[kind]))
  if (hosts.length > maxHosts) throw fault(`must name at most ${maxHosts} hosts`)
  if (kind === 'single' && hosts.length > 1) throw fault('must name one host; use redis+sentinel:// or redis+cluster:// for several')

  const options = new URLSearchParams(query)
  const allowed = ['username', 'password', 'db', ...(kind === 'sentinel' ? ['sentinelUsername', 'sentinelPassword'] : [])]
  for (const name of options.keys()) {
    if (!allowed.includes(name)) throw fault(`has an option that is not known; known are ${allowed.join(', ')}`)
  }
  const colon = userInfo?.indexOf(':') ?? -1
  const user = userInfo === undefined ? '' : decode(colon === -1 ? userInfo : userInfo.slice(0, colon))
  const secret = userInfo === undefined || colon === -1 ? '' : decode(userInfo.slice(colon + 1))
  const master = kind === 'sentinel' ? decode(path) : ''
  if (kind === 'sentinel' && !/^[A-Za-z0-9._-]+$/.test(master)) throw fault('must end with the name of the master, as in redis+sentinel://host:26379/mymaster')
  const dbText = kind === 'sentinel' ? options.get('db') ?? '' : options.get('db') ?? path
  if (!/^\d{0,4}$/.test(dbText)) throw fault('must name the database by its number')
  const db = Number(dbText)
  if (kind === 'cluster' && db !== 0) throw fault('must not name a database: a Cluster has only 0')

  const shownHosts = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  const suffix = kind === 'sentinel' ? `/${master}${db === 0 ? '' : `?db=${db}`}` : kind === 'cluster' ? '' : `/${db}`
  return {
    kind, hosts, master, db,
    tls: scheme === 'rediss',
    ...credentials(options.get('username') ?? user, options.get('password') ?? secret),
    sentinel: credentials(options.get('sentinelUsername') ?? '', options.get('sentinelPassword') ?? ''),
    location: `${scheme}${mode === undefined ? '' : `+${mode}`}://${shownHosts}${suffix}`
  }
}

function parseHost (text: string, index: number, defaultPort: number): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port < 1 || port > 65_535) throw fault(`has a bad host at place ${index + 1}: it must be host:port, port 1-65535, IPv6 in brackets`)
  return { host, port }
}

function credentials (username: string, password: string): Credentials {
  return { username: username === '' ? undefined : username, password: password === '' ? undefined : password }
}

function decode (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fault('has a "%" that begins no escape; write it as %25')
  }
}

function fault (rule: string): RegistryError {
  return invalid([{ field: 'redis', rule }])
}
