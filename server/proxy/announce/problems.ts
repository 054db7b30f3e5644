// Why nobody announces an address, as a sentence for people.
import type { Condition } from '../front-end.ts'
import type { Peers } from './peers.ts'
import { mayAnnounce, type Wanted } from './wanted.ts'

export interface Facts {
  readonly address: string
  readonly wanted: readonly Wanted[]
  readonly node: string
  readonly peers: Peers
  /** Who uses it and is no agent's machine. */
  readonly foreignMac: string | undefined
  /** What failed here. */
  readonly fault: string | undefined
  readonly isMine: boolean
  /** The neighbours can be told. */
  readonly canTell: boolean
}

/** @returns undefined if there is nothing to say */
export function problemOf ({ address, wanted, node, peers, foreignMac, fault, isMine, canTell }: Facts): Pick<Condition, 'reason' | 'message'> | undefined {
  if (foreignMac !== undefined) return { reason: 'AddressForeign', message: `${address} is used on the network by ${foreignMac}, which is no agent's machine` }
  if (fault !== undefined) return { reason: 'NotAnnounced', message: `${address} is not announced: ${fault}` }
  if (isMine) return canTell ? undefined : { reason: 'NotAnnounced', message: `${address} is here, but the neighbours are not told: perl or arping with CAP_NET_RAW is needed` }
  if (peers.get(node) === undefined) return undefined // the registry does not know this agent yet, nor all others it may be
  const all = [...peers.all()]
  if (all.some(({ announces, isLost }) => !isLost && announces.has(address))) return undefined
  const inNetwork = all.filter((peer) => peer.isLive && wanted.some(({ ip }) => mayAnnounce({ ip, service: '' }, peer)))
  if (inNetwork.some((peer) => wanted.some((each) => mayAnnounce(each, peer)))) return undefined // one takes it in a moment
  const why = inNetwork.length === 0
    ? 'no live agent may announce addresses of its network'
    : wanted.some(({ onlyNear }) => onlyNear !== undefined)
      ? 'none of the machines that may has an endpoint (externalTrafficPolicy: Local)'
      : 'no machine has the labels that the service asks for'
  return { reason: 'NotAnnounced', message: `no machine announces ${address}: ${why}` }
}
