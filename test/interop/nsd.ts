// NSD as a secondary server of a registry: it transfers the zone and answers for it.
import { type Closable, startPeer } from './peers.ts'
import { answers } from './resolvers.ts'

/** Starts NSD, waits until it has transferred the zone, and ends it with the test. @returns its port */
export async function startSecondary (t: Closable, registryPort: number, zone = 'cluster.local'): Promise<number> {
  const { port } = await startPeer(t, {
    program: 'nsd',
    config: (port, directory) => `
server:
  ip-address: 127.0.0.1@${port}
  do-ip6: no
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  database: ""
  pidfile: "${directory}/pid"
  xfrdfile: "${directory}/xfrd.state"
  xfrdir: "${directory}"
  zonelistfile: "${directory}/zones"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "${zone}"
  allow-notify: 127.0.0.1 NOKEY
  request-xfr: AXFR 127.0.0.1@${registryPort} NOKEY
`,
    args: (path) => ['-d', '-c', path],
    isReady: answers
  })
  return port
}
