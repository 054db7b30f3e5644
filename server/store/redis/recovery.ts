// What this node saw and a restarted or promoted Redis may have lost: collected here, put back by scripts/repropose.
import type { Follower, InstanceRecord, ObjectRecord } from '../store.ts'
import { Slice } from '../../slice.ts'
import { instanceText, objectText } from './records.ts'

/** The last known state of one lease or object. */
export interface Proposal {
  readonly kind: 'put' | 'del' | 'oput' | 'odel'
  /** A lease, or an object's key. */
  readonly id: string
  /** The instance's key; empty for objects, and for the end of a lease of which nothing else is known. */
  readonly key: string
  /** When that state came to be, in the old numbering: of two nodes the newer knowledge wins. */
  readonly revision: number
  /** The record of a put, else empty. */
  readonly text: string
}

/** As scripts/repropose takes it. */
export function proposalArguments ({ kind, id, key, revision, text }: Proposal): readonly (string | number)[] {
  return [kind, id, revision, kind === 'del' ? key : text]
}

export function isEnd ({ kind }: Proposal): boolean {
  return kind === 'del' || kind === 'odel'
}

export function proposeInstance (record: InstanceRecord): Proposal {
  return { kind: 'put', id: record.lease, key: record.key, revision: record.revision, text: instanceText(record) }
}

export function proposeObject (object: ObjectRecord): Proposal {
  return { kind: 'oput', id: object.key, key: '', revision: object.revision, text: objectText(object) }
}

/**
 * What the node holds that changed after `base`, and the ends that it saw since; with `whole`, everything (the keyspace is new).
 * `own` are the node's acknowledged writes that never reached its follower, and the ends that it has told. One living lease per key.
 *
 * Lives come from what is held, not from the history: a life of the history that is not held any more has ended or was refused, and what was put
 * back by others after the last failover stands in no history.
 */
export async function collectProposals (follower: Follower, own: readonly Proposal[], base: number, whole: boolean): Promise<Proposal[]> {
  const latest = new Map<string, Proposal>()
  const offer = (proposal: Proposal): void => {
    // An end is of after the base, or nothing is known of its revision: it is offered anyway.
    if (!whole && !isEnd(proposal) && proposal.revision <= base) return
    const tag = proposal.kind === 'put' || proposal.kind === 'del' ? `l${proposal.id}` : `o${proposal.id}`
    const known = latest.get(tag)
    if (known === undefined || known.revision <= proposal.revision) latest.set(tag, proposal)
  }
  await eachInSlices(follower.heldInstances(), (record) => { if (whole || record.revision > base) offer(proposeInstance(record)) })
  await eachInSlices(follower.heldObjects(), (object) => offer(proposeObject(object)))
  await eachInSlices(follower.endsSince(whole ? 0 : base), (change) => {
    const { revision } = change
    if (change.type === 'delete') offer({ kind: 'del', id: change.lease, key: change.key, revision, text: '' })
    else offer({ kind: 'odel', id: change.key, key: '', revision, text: '' })
  })
  for (const proposal of own) offer(proposal)

  const living = new Map<string, Proposal>()
  await eachInSlices(latest.values(), (proposal) => {
    const rival = living.get(proposal.key)
    if (proposal.kind === 'put' && (rival === undefined || rival.revision < proposal.revision)) living.set(proposal.key, proposal)
  })
  const proposals: Proposal[] = []
  await eachInSlices(latest.values(), (proposal) => { if (proposal.kind !== 'put' || living.get(proposal.key) === proposal) proposals.push(proposal) })
  return proposals
}

async function eachInSlices<Item> (items: Iterable<Item>, take: (item: Item) => void): Promise<void> {
  const slice = new Slice()
  for (const item of items) {
    if (slice.isOver()) await slice.next()
    take(item)
  }
}
