// What ingresses ask for, host and path by host and path, and who gets what two of them ask for: the older one, then the first by namespace
// and name.
import type { Ingress, IngressBackend, IngressClass, PathType } from '../service/types.ts'
import { isServedHere } from './classes.ts'

/** One host with one path. */
export interface Claim {
  /** Empty = every host. */
  readonly host: string
  readonly path: string
  /** Exact, or a prefix by elements: what an implementation may choose is a prefix here. */
  readonly isExact: boolean
  readonly pathType: PathType
  readonly backend: IngressBackend
}

export interface LostClaim {
  readonly claim: Claim
  /** `namespace/name` of the ingress that does not get it. */
  readonly loser: string
  readonly winner: string
}

export function claimsOf ({ spec: { rules = [] } }: Ingress): readonly Claim[] {
  return rules.flatMap(({ host = '', http }) => (http?.paths ?? []).map(({ path = '/', pathType, backend }): Claim =>
    ({ host, path: path === '' ? '/' : path, isExact: pathType === 'Exact', pathType, backend })))
}

/** `Prefix /cart of shop.example` */
export function claimText ({ host, path, pathType }: Claim): string {
  return `${pathType} ${path} of ${host === '' ? 'every host' : host}`
}

/** The same for two ingresses: `/cart` and `/cart/` are one prefix. */
export function claimKey ({ host, path, isExact }: Claim): string {
  return `${isExact ? 'exact' : 'prefix'} ${host} ${isExact || path === '/' ? path : path.replace(/\/$/, '')}`
}

/** Whose rules count first. */
export function isOlder (one: Ingress, other: Ingress): boolean {
  const [a, b] = [one.metadata.creationTimestamp, other.metadata.creationTimestamp]
  if (a !== b) return a !== undefined && (b === undefined || a < b) // one that is not stored yet is the youngest
  return nameOf(one) < nameOf(other)
}

/** What ingresses that are served here ask for and do not get. */
export function lostClaims (ingresses: readonly Ingress[], classes: readonly IngressClass[]): readonly LostClaim[] {
  const winners = new Map<string, Ingress>()
  const lost: LostClaim[] = []
  const inOrder = ingresses.filter((ingress) => isServedHere(ingress, classes)).sort((a, b) => (isOlder(a, b) ? -1 : 1))
  for (const ingress of inOrder) {
    for (const claim of claimsOf(ingress)) {
      const key = claimKey(claim)
      const winner = winners.get(key)
      if (winner === undefined) winners.set(key, ingress)
      else if (winner !== ingress) lost.push({ claim, loser: nameOf(ingress), winner: nameOf(winner) })
    }
  }
  return lost
}

function nameOf ({ metadata: { namespace, name } }: Ingress): string {
  return `${namespace}/${name}`
}
