// Who announces an address: decided by each agent for itself, from what the registry tells all of them. Of the machines
// that may, the first by a hash of its name and the address; the one that has it keeps it until that one has been well
// for a while. Pure: the time comes with the view.
import { createHash } from 'node:crypto'
import type { Peer, Peers } from './peers.ts'
import { mayAnnounce, type Wanted } from './wanted.ts'

/** A machine that has come (back) is given its addresses when it has been well so long. */
export const wellMs = 30_000
/** When the kernel of a machine whose agent is no more has dropped its addresses: their lifetime, and a second of the kernel's. */
export const fenceMs = 7_000

export interface View {
  readonly node: string
  readonly nowMs: number
  readonly peers: Peers
  /** The registry has confirmed this agent's own lease lately. */
  readonly isConfirmed: boolean
  /** This agent was not confirmed for a time since it took the address: another one that has it now keeps it. */
  readonly hasLapsed: boolean
  /** Takes over from a lost owner at once. */
  readonly isFast: boolean
}

export type Decision =
  | { readonly action: 'keep' | 'release' | 'none' }
  /**
   * `isSure`: at once, without asking who else has it. `fencedUntilMs`: its last owner was lost; while it still answers the address is
   * left to it, until the kernel there must have dropped it.
   */
  | { readonly action: 'take', readonly isSure: boolean, readonly fencedUntilMs?: number }

const none: Decision = { action: 'none' }
const release: Decision = { action: 'release' }
const keep: Decision = { action: 'keep' }

/** @param wanted of several services with one address each; empty: nobody wants it */
export function decide (address: string, wanted: readonly Wanted[], isMine: boolean, view: View): Decision {
  const { node, peers } = view
  if (wanted.length === 0) return isMine ? release : none
  const may = Array.from(peers.all()).filter((peer) => wanted.some((each) => mayAnnounce(each, peer)))
  const owners = Array.from(peers.all()).filter((peer) => peer.node !== node && !peer.isLost && peer.announces.has(address))
  if (isMine) return whenMine(address, may, owners.filter(({ stale }) => !stale.has(address)), view)
  if (firstOf(address, may.filter(({ isLive }) => isLive))?.node !== node || owners.length > 0 || !view.isConfirmed) return none
  const lost = peers.lost(address)
  if (lost === undefined || lost.node === node) return { action: 'take', isSure: peers.isReleased(address) }
  return view.isFast ? { action: 'take', isSure: true } : { action: 'take', isSure: false, fencedUntilMs: lost.atMs + fenceMs }
}

function whenMine (address: string, may: readonly Peer[], owners: readonly Peer[], { node, nowMs, peers, hasLapsed }: View): Decision {
  const known = peers.get(node)
  // While the registry does not know this agent (its lease ran out, and is not yet granted again), nothing changes for it.
  if (known !== undefined && !may.includes(known)) return release
  if (owners.length > 0) return hasLapsed || firstOf(address, [...owners, ...(known === undefined ? [] : [known])])?.node !== node ? release : keep
  const isDrained = known !== undefined && !known.isLive && !known.isLost
  const first = firstOf(address, may.filter(({ isLive, node: other }) => isLive || (other === node && !isDrained)))
  if (first === undefined || known === undefined || first.node === node) return keep
  return isDrained || nowMs - first.liveSinceMs >= wellMs ? release : keep
}

/** Ranks that are remembered: they are asked for again with every change. */
const maxRanks = 20_000
const ranks = new Map<string, string>()

function rankOf (node: string, address: string): string {
  const text = `${node}#${address}`
  const known = ranks.get(text)
  if (known !== undefined) return known
  if (ranks.size >= maxRanks) ranks.clear()
  const rank = createHash('sha256').update(text).digest('hex')
  ranks.set(text, rank)
  return rank
}

function firstOf (address: string, peers: readonly Peer[]): Peer | undefined {
  let first: Peer | undefined
  for (const peer of peers) if (first === undefined || rankOf(peer.node, address) < rankOf(first.node, address)) first = peer
  return first
}
