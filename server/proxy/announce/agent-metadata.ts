// What an agent says in its registration about the addresses that it announces: to the others of its kind, who decide by it.
import { type AddressRange, parseCidr } from '../../model/address/ranges.ts'
import { agentKeys } from '../../model/traffic-agent.ts'

/** Addresses that one machine announces at most: they must fit its registration, whose metadata are limited. */
export const maxAnnounced = 128
const maxNetworks = 64
const maxMacs = 64
const maxProblemsLength = 1_000

export interface Said {
  /** Load-balancer addresses that it announces now. */
  readonly announces: readonly string[]
  /** Another text each time that it has taken an address. */
  readonly turn: string
  /** Networks of which it may announce addresses. */
  readonly networks: readonly AddressRange[]
  /** The MAC addresses of its interfaces: who sees one on the network knows whose it is. */
  readonly macs: readonly string[]
  /** What it can't announce, sentences. */
  readonly problems: readonly string[]
}

export function announcingMetadata ({ announces, turn, networks, macs, problems }: Said): Record<string, string> {
  return {
    [agentKeys.announces]: announces.slice(0, maxAnnounced).join(','),
    [agentKeys.turn]: turn,
    [agentKeys.announceNetworks]: networks.slice(0, maxNetworks).map(({ text }) => text).join(','),
    [agentKeys.macs]: macs.slice(0, maxMacs).join(','),
    ...(problems.length === 0 ? {} : { [agentKeys.problems]: problems.join('; ').slice(0, maxProblemsLength) })
  }
}

/** What others say may be anything: what can't be read is left out. */
export function readSaid (metadata: Readonly<Record<string, string>>): Omit<Said, 'problems'> {
  const list = (key: string, most: number): string[] => (metadata[key] ?? '').split(',', most).filter((text) => text !== '')
  return {
    announces: list(agentKeys.announces, maxAnnounced),
    turn: metadata[agentKeys.turn] ?? '',
    networks: list(agentKeys.announceNetworks, maxNetworks).flatMap((text) => {
      const range = parseCidr(text)
      return 'problem' in range ? [] : [range]
    }),
    macs: list(agentKeys.macs, maxMacs)
  }
}
