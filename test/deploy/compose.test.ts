// No container engine and no systemd run where tests run: these keep the deployment files true by reading them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { clientVariables, loadConfig, type Config } from '../../server/config/config.ts'
import { settings } from '../../server/config/settings.ts'

const home = fileURLToPath(new URL('../../', import.meta.url))
const text = (path: string): string => readFileSync(join(home, path), 'utf8')

interface Service {
  readonly image: string
  readonly build?: { readonly context: string, readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test?: readonly string[], readonly disable?: boolean }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly deploy?: { readonly replicas: number }
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly mem_limit?: string
}

const compose = parse(text('docker-compose.yml'), { merge: true }) as { readonly services: Readonly<Record<string, Service>>, readonly volumes: object }
const { services } = compose
const nodes = ['rollcall-a', 'rollcall-b'] as const
const service = (name: string): Service => {
  const found = services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}

/** The settings that a process gets from its command line and environment, or the error that it would start with. */
function configOf (command: readonly string[], env: Readonly<Record<string, string>> = {}): Config {
  const serve = command.indexOf('serve')
  return loadConfig({ argv: serve === -1 ? [] : command.slice(serve + 1), env, readFile: (path) => text(path) }).config
}

interface Instruction {
  readonly word: string
  readonly rest: string
}

/** The instructions of the Dockerfile, continued lines joined. */
const dockerfile: readonly Instruction[] = text('deploy/Dockerfile').replaceAll(/\\\n\s*/g, ' ').split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ word: line.split(' ')[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }))
const instructions = (word: string): string[] => dockerfile.filter((each) => each.word === word).map((each) => each.rest)
const imageCommand = JSON.parse(instructions('CMD').at(-1) ?? '[]') as string[]

t.test('every file that the compose file names is in the repository', async (t) => {
  for (const [name, { build, command = [] }] of Object.entries(services)) {
    if (build !== undefined) t.ok(existsSync(join(home, build.context, build.dockerfile)), `${name}: ${build.dockerfile}`)
    for (const word of command.filter((word) => word.startsWith('/app/'))) t.ok(existsSync(join(home, word.slice('/app/'.length))), `${name}: ${word}`)
  }
})

t.test('every image is pinned to a version, or built here', async (t) => {
  for (const [name, { image, build }] of Object.entries(services)) {
    if (build === undefined) t.match(image, /^[a-z/]+:\d+\.\d+\.\d+(-[a-z]+)?$/, name)
    else t.equal(image, 'rollcall:local')
  }
  const bases = instructions('FROM')
  t.ok(bases.length > 0)
  for (const base of bases) t.match(base, /^node:24\.\d+\.\d+-bookworm-slim( AS \w+)?$/)
})

t.test('Redis keeps acknowledged writes: no eviction, an append-only file, a volume', async (t) => {
  const { command = [], volumes = [] } = service('redis')
  t.equal(command[command.indexOf('--appendonly') + 1], 'yes')
  t.equal(command[command.indexOf('--maxmemory-policy') + 1], 'noeviction')
  const [volume = ''] = volumes.map((mount) => mount.split(':')[0] ?? '')
  t.ok(volume in compose.volumes)
})

t.test('nothing has privileges, writes into its image, or takes the memory of the machine', async (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.read_only, true, name)
    t.same(service.cap_drop, ['ALL'], name)
    t.same(service.security_opt, ['no-new-privileges:true'], name)
    t.match(service.mem_limit, /^\d+[mg]$/, name)
  }
})

t.test('Redis asks for a password, and everything that speaks to it has it', async (t) => {
  const { command = [], environment } = service('redis')
  const password = command[command.indexOf('--requirepass') + 1] ?? ''
  t.match(password, /^\$\{REDIS_PASSWORD:-.+\}$/)
  t.equal(environment?.['REDISCLI_AUTH'], password, 'the health check')
  for (const node of nodes) t.equal(service(node).environment?.['ROLLCALL_REDIS'], `redis://:${password}@redis:6379/0`)
})

t.test('each service that others wait for exists and has a health check', async (t) => {
  for (const [name, { depends_on: dependencies = {} }] of Object.entries(services)) {
    for (const [dependency, { condition }] of Object.entries(dependencies)) {
      const { healthcheck, build } = service(dependency)
      t.equal(condition, 'service_healthy', `${name} waits for ${dependency}`)
      const ofImage = build !== undefined && instructions('HEALTHCHECK').length > 0
      t.ok(healthcheck?.disable !== true && (healthcheck?.test !== undefined || ofImage), `${dependency} has a health check`)
    }
  }
  for (const node of nodes) t.ok('redis' in (service(node).depends_on ?? {}))
  for (const caller of ['orders', 'checkout']) t.same(Object.keys(service(caller).depends_on ?? {}), nodes)
})

t.test('the settings of both registry nodes are legal, and name Redis, themselves and the hosts that call them', async (t) => {
  for (const name of nodes) {
    const { command = imageCommand, environment } = service(name)
    // The engine fills in the default of a variable that is not set.
    const interpolated = Object.entries(environment ?? {}).map(([key, value]) => [key, value.replaceAll(/\$\{\w+:-([^}]+)\}/g, '$1')])
    const config = configOf(command, Object.fromEntries(interpolated) as Record<string, string>)
    t.same(config.http, { host: '0.0.0.0', port: 7500 })
    t.same(config.dns, { host: '0.0.0.0', port: 7553 })
    t.equal(new URL(config.redis ?? '').hostname, 'redis')
    t.equal(config.node, name)
    t.same(config.trustedHosts, nodes)
  }
})

t.test('ports are published on loopback only, each once, and the first node has the documented ones', async (t) => {
  const published = Object.values(services).flatMap(({ ports = [] }) => ports)
  for (const port of published) t.match(port, /^127\.0\.0\.1:\d+:(7500\/tcp|7553\/udp|7553\/tcp)$/)
  t.equal(new Set(published.map((port) => port.replace(/:\d+(?=\/)/, ''))).size, published.length)
  t.same(service('rollcall-a').ports, ['127.0.0.1:7500:7500/tcp', '127.0.0.1:7553:7553/udp', '127.0.0.1:7553:7553/tcp'])
  t.equal(service('redis').ports, undefined, 'a program that can write Redis owns the registry')
})

t.test('three copies of orders and one checkout know both nodes', async (t) => {
  t.equal(service('orders').deploy?.replicas, 3)
  const addresses = nodes.map((name) => `http://${name}:7500`).join(',')
  for (const name of ['orders', 'checkout']) t.equal(service(name).environment?.['ROLLCALL_ADDRESS'], addresses)
})

t.test('every ROLLCALL variable of the deployment files is one that something reads', async (t) => {
  const known = new Set([...settings.map(({ variable }) => variable), ...clientVariables, 'ROLLCALL_CONFIG'])
  for (const path of ['docker-compose.yml', 'deploy/Dockerfile', 'deploy/systemd/rollcall.service']) {
    for (const [variable] of text(path).matchAll(/ROLLCALL_[A-Z_]*[A-Z]/g)) t.ok(known.has(variable), `${path}: ${variable}`)
  }
})

t.test('the files that the image copies exist, and go to the engine', async (t) => {
  const wanted = text('.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  const sources = instructions('COPY').filter((rest) => !rest.startsWith('--from')).flatMap((rest) => rest.split(' ').slice(0, -1))
  t.ok(sources.length > 5)
  for (const source of sources) {
    t.ok(existsSync(join(home, source)), source)
    t.ok(wanted.some((path) => source === path || source.startsWith(`${path}/`)), `${source} is not ignored`)
  }
  for (const workspace of (JSON.parse(text('package.json')) as { workspaces: string[] }).workspaces) {
    t.ok(sources.includes(`${workspace}/package.json`), `npm ci finds ${workspace}`)
  }
})

t.test('everything that the server imports of ours is copied into the image', async (t) => {
  const folders = new Set(instructions('COPY').flatMap((rest) => rest.split(' ').slice(0, -1)).map((source) => source.split('/')[0]))
  const files = readdirSync(join(home, 'server'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  for (const file of files) {
    for (const [, path = ''] of text(join('server', file)).matchAll(/(?:from|import\() ?'(\.\.?\/[^']+)'/g)) {
      const folder = join('server', file, '..', path).split('/')[0]
      t.ok(folders.has(folder), `${file} imports ${path}`)
    }
  }
})

t.test('the image runs without root, ends at SIGTERM, and its command is one that starts', async (t) => {
  t.equal(instructions('USER').at(-1), 'node')
  t.equal(instructions('STOPSIGNAL').at(-1), 'SIGTERM')
  t.match(instructions('HEALTHCHECK').join(), /CMD \["node".*\/readyz/)
  t.match(imageCommand, ['node', '--disable-sigusr1', '--max-semi-space-size=16', '/app/bin/rollcall.js', 'serve'])
  t.same(configOf(imageCommand).http, { host: '127.0.0.1', port: 7500 }, 'the image is not open by itself')
  t.match(instructions('EXPOSE').join(' '), '7500/tcp 7553/udp 7553/tcp')
  // Real dependencies must not be optional: they would be left out of the image.
  const { dependencies, optionalDependencies } = JSON.parse(text('package.json')) as Record<string, Record<string, string>>
  for (const name of Object.keys(optionalDependencies ?? {})) t.notOk(name in (dependencies ?? {}), name)
})

t.test('compiled modules are kept where the user of the service may keep them, and the image brings them along', async (t) => {
  const unit = text('deploy/systemd/rollcall.service')
  const [, directory] = /^CacheDirectory=(.*)$/m.exec(unit) ?? []
  t.ok(directory)
  t.match(unit, /^CacheDirectoryMode=0700$/m)
  t.match(unit, `Environment=XDG_CACHE_HOME=%C/${directory}\n`)
  const [cache] = instructions('ENV').flatMap((rest) => (rest.startsWith('XDG_CACHE_HOME=') ? [rest.slice('XDG_CACHE_HOME='.length)] : []))
  t.ok(instructions('RUN').includes(`install -d -m 0700 -o node -g node ${cache}`))
  const asUser = dockerfile.slice(dockerfile.findIndex(({ word, rest }) => word === 'USER' && rest === 'node'))
  // With the flags of the image's own command: V8 refuses what was compiled under others.
  t.ok(asUser.some(({ word, rest }) => word === 'RUN' && rest.includes(` ${imageCommand.join(' ')} `)), 'a node runs once while it is built')
})

t.test('the health check of the image finds the port that the node listens on', async (t) => {
  const [, command = '[]'] = /CMD (\[.*\])$/.exec(instructions('HEALTHCHECK')[0] ?? '') ?? []
  const [program, flag, script = ''] = JSON.parse(command) as string[]
  t.same([program, flag], ['node', '-e'])
  // The script itself is run, with what it would ask and how it would end put in its place.
  const asks = async (listen: string | undefined, ok: boolean): Promise<{ url: string, exitCode: number }> => await new Promise((resolve) => {
    const fetch = async (url: string): Promise<{ ok: boolean }> => {
      asked = url
      return { ok }
    }
    let asked = ''
    const process = { env: { ROLLCALL_HTTP: listen }, exit: (exitCode: number) => { resolve({ url: asked, exitCode }) } }
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it is our own file
    new Function('process', 'fetch', script)(process, fetch)
  })
  t.same(await asks(undefined, true), { url: 'http://127.0.0.1:7500/readyz', exitCode: 0 })
  t.same(await asks('0.0.0.0:8080', false), { url: 'http://127.0.0.1:8080/readyz', exitCode: 1 })
})

t.test('the systemd unit starts node itself, hardened, with a command that starts', async (t) => {
  const unit = new Map(text('deploy/systemd/rollcall.service').split('\n').filter((line) => /^[A-Z]\w*=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const))
  const command = (unit.get('ExecStart') ?? '').split(' ')
  t.same(command.slice(0, 4), ['/usr/bin/node', '--disable-sigusr1', '--max-semi-space-size=16', '/opt/rollcall/bin/rollcall.js'])
  t.ok(existsSync(join(home, (command[3] ?? '').slice('/opt/rollcall/'.length))))
  t.same(configOf(command).http, { host: '127.0.0.1', port: 7500 })
  t.equal(configOf(command).data, './data', 'it is in the working directory')
  t.equal(unit.get('WorkingDirectory'), `/var/lib/${unit.get('StateDirectory')}`)
  t.equal(unit.get('RestartPreventExitStatus'), '2')
  t.ok(Number(unit.get('TimeoutStopSec')) * 1_000 > configOf(command).shutdownGraceMs + 1_000)
  const hardened = { DynamicUser: 'yes', NoNewPrivileges: 'yes', ProtectSystem: 'strict', ProtectHome: 'yes', CapabilityBoundingSet: 'CAP_NET_BIND_SERVICE', MemoryMax: '4G' }
  for (const [key, value] of Object.entries(hardened)) t.equal(unit.get(key), value, key)
  t.ok(existsSync(join(home, (unit.get('Documentation') ?? '').replace('file:///opt/rollcall/', ''))))
})
