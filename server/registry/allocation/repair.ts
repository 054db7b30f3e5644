// What does not fit between services and claims. A crash cannot cause it, because both are one commit; a restored store, a changed
// range or a write by another program can. As in Kubernetes no service is changed for it: the log tells operators.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { ObjectWrite } from '../../store/store.ts'
import { type Claim, type ClaimTarget, type Holder, claimBody, claimKey, holderName, targetText } from './claims.ts'

/** A value that a stored service has. */
export interface Usage {
  readonly holder: Holder
  readonly target: ClaimTarget
}

export type FindingKind = 'NotAllocated' | 'AlreadyAllocated' | 'OutOfRange' | 'Unused'

export interface Finding {
  readonly kind: FindingKind
  readonly target: ClaimTarget
  /** The service that uses the value; for `Unused` the one that the claim names. */
  readonly holder: Holder
  /** For people. */
  readonly text: string
  /** What puts it right without changing a service. Fails if the claim has changed meanwhile. */
  readonly write?: ObjectWrite
}

/**
 * Compares what services use with what is claimed. Services and claims must be of one revision: a node may look between two
 * changes of one commit, so that the caller syncs first and calls this before anything else is applied.
 * @param outside where a value lies that no range of this node holds, undefined for all others
 */
export function repair (usages: Iterable<Usage>, claims: Iterable<Claim>, outside: (target: ClaimTarget) => string | undefined, reason: Reason): Finding[] {
  const byKey = new Map<string, Claim>()
  for (const claim of claims) byKey.set(claim.key, claim)
  const findings: Finding[] = []
  const used = new Map<string, Holder>()
  const usedClaims = new Set<Claim>()
  const reported = new Set<string>()
  for (const { holder, target } of usages) {
    const key = claimKey(target)
    const name = holderName(holder)
    const once = `${name} ${key}` // one service may name one port twice, for two protocols
    if (reported.has(once)) continue
    reported.add(once)
    const claim = byKey.get(key)
    const isOwn = claim !== undefined && holderName(claim.holder) === name
    const other = claim?.holder ?? used.get(key)
    if (isOwn) usedClaims.add(claim)
    else if (other !== undefined) {
      findings.push({ kind: 'AlreadyAllocated', holder, target, text: `${targetText(target)} of ${name} is allocated to ${holderName(other)}: recreate one of the two` })
    } else {
      const write: ObjectWrite = { type: 'put', key, body: claimBody(holder), endsAtMs: 0, reason, expected: 0 }
      findings.push({ kind: 'NotAllocated', holder, target, text: `${targetText(target)} of ${name} was not allocated to it`, write })
    }
    const place = outside(target)
    if (place !== undefined) {
      findings.push({ kind: 'OutOfRange', holder, target, text: `${targetText(target)} of ${name} is ${place}: the service keeps it; recreate the service, or configure the range again` })
    }
    if (!used.has(key)) used.set(key, holder)
  }
  for (const claim of byKey.values()) {
    if (usedClaims.has(claim)) continue
    const write: ObjectWrite = { type: 'delete', key: claim.key, reason, expected: claim.revision }
    findings.push({ kind: 'Unused', holder: claim.holder, target: claim, text: `${targetText(claim)} is allocated to ${holderName(claim.holder)}, which does not use it`, write })
  }
  return findings
}
