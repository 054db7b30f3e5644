// Routes of the cluster ranges: a program of this machine can send to a cluster IP only if a route exists before the
// ruleset sees the packet.
import type { AddressRange } from '../../model/address/ranges.ts'
import { failure, type Run } from '../program.ts'

export interface RouteOptions {
  readonly run: Run
  readonly clusterRanges: readonly AddressRange[]
  readonly sources: { readonly 4?: string, readonly 6?: string }
}

/** Through the loopback device, with an address of the machine as source: it works with and without a default route. */
function route ({ family, text }: AddressRange, source: string | undefined): string[] {
  return [`-${family}`, 'route', 'replace', text, 'dev', 'lo', ...(source === undefined ? [] : ['src', source])]
}

/**
 * Sets a route for each range; again where one is gone. A local route of the same range (AnyIP, as the userspace back end
 * has it) is removed: with it the source would be the cluster IP itself.
 * @returns what failed, a sentence each
 */
export async function setRoutes ({ run, clusterRanges, sources }: RouteOptions): Promise<readonly string[]> {
  const faults: string[] = []
  for (const range of clusterRanges) {
    await run('ip', [`-${range.family}`, 'route', 'del', 'local', range.text, 'dev', 'lo'])
    const ran = await run('ip', route(range, sources[range.family]))
    if (ran.code !== 0) faults.push(`no route to ${range.text}: programs of this machine reach its cluster IPs only by a default route (ip: ${failure(ran)})`)
  }
  return faults
}

export async function removeRoutes ({ run, clusterRanges }: RouteOptions): Promise<void> {
  for (const { family, text } of clusterRanges) await run('ip', [`-${family}`, 'route', 'del', text, 'dev', 'lo'])
}
