// Puts announced addresses on an interface, for a lifetime, and takes them away.
import { writeFileSync } from 'node:fs'
import type { Ran, Run } from '../program.ts'
import { lifetimeSeconds } from './interfaces.ts'
import type { LanTool, Place } from './lan.ts'

/**
 * Never the source of this machine's own connections: deprecated for IPv6 (RFC 6724, rule 3); for IPv4 the routes' own
 * source comes first.
 */
function words ({ address, at }: Place): string {
  const isSix = address.includes(':')
  return `${address}/${isSix ? 128 : 32} dev ${at.name} valid_lft ${lifetimeSeconds} preferred_lft ${isSix ? 0 : lifetimeSeconds}`
}

/** Neighbours were asked before: only where nobody could, the kernel itself looks for a duplicate of an IPv6 address (RFC 4862). */
export function addAddress (run: Run, place: Place, tool: LanTool): Promise<Ran> {
  const isSix = place.address.includes(':')
  if (isSix && tool !== 'perl') tellOfNew(place.at.name)
  return run('ip', [...(isSix ? ['-6'] : ['-4']), 'addr', 'replace', ...words(place).split(' '), ...(isSix && tool === 'perl' ? ['nodad'] : [])])
}

/** @returns whether all have a new lifetime */
export async function prolongAddresses (run: Run, places: readonly Place[]): Promise<boolean> {
  if (places.length === 0) return true
  const input = places.map((place) => `addr replace ${words(place)}${place.address.includes(':') ? ' nodad' : ''}\n`).join('')
  return (await run('ip', ['-force', '-batch', '-'], { input })).code === 0
}

export async function removeAddresses (run: Run, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return
  const input = places.map(({ address, at }) => `addr del ${address}/${address.includes(':') ? 128 : 32} dev ${at.name}\n`).join('')
  await run('ip', ['-force', '-batch', '-'], { input })
}

/** The kernel announces a new IPv6 address by itself, if it is told to. */
function tellOfNew (name: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/ndisc_notify`, '1')
  } catch {} // no right to, or no IPv6: neighbours hear of it later
}
