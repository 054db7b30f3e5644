// A network of its own for one test: a loopback where port 53 is free, and the resolver's files of /etc in other words. Nothing
// of it is left on the machine: the namespaces go with the process that was started in them.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { type Output, lacking, output } from '../support/programs.ts'
import { Peer } from './peers.ts'

/** For `skip`: false if namespaces can be created here, else the sentence that says why not. */
export function lackingNamespaces (): string | false {
  const missing = lacking('unshare', 'nsenter', 'ip', 'sh')
  if (missing !== false) return missing
  const { status, stderr } = spawnSync('unshare', ['-mn', 'sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin"; ip link set lo up && mount --bind /etc/resolv.conf /etc/resolv.conf'], { encoding: 'utf8' })
  return status !== 0 && `no network and mount namespace can be made here (root or CAP_SYS_ADMIN is needed): ${(stderr ?? '').trim()}`
}

export interface Namespace {
  readonly peer: Peer
  /** Runs a program inside, to its end. */
  output (name: string, ...args: readonly string[]): Promise<Output>
}

/** Starts a program that prints `serving` when it is ready, in a namespace with this resolv.conf. It is ended with the test. */
export async function startInNamespace (t: Closable, resolvConf: string, command: readonly string[]): Promise<Namespace> {
  const directory = await temporaryDirectory(t)
  const files = { 'resolv.conf': resolvConf, 'nsswitch.conf': 'hosts: files dns\n', 'hosts': '127.0.0.1 localhost\n' }
  const mounts = ['set -e', 'PATH="$PATH:/usr/sbin:/sbin"', 'ip link set lo up']
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text)
    if (existsSync(`/etc/${name}`)) mounts.push(`mount --bind ${join(directory, name)} /etc/${name}`)
  }
  const peer = new Peer('unshare', ['-mn', 'sh', '-c', [...mounts, 'exec "$@"'].join('\n'), 'sh', ...command])
  t.teardown(() => peer.end())
  await peer.ready(async () => peer.output.includes('serving'))
  return { peer, output: (name, ...args) => output('nsenter', '-t', String(peer.pid), '-m', '-n', name, ...args) }
}
