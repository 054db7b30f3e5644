// A process that serves ingresses (`rollcall proxy --ingress`), as its registration says where and what. Anybody with the right to may
// register under that name: what cannot be read is left out, and how much is read has a limit.
import type { IngressAddress } from '../../../client-sdk/src/ingress-manifests.ts'
import type { Endpoint, Instance } from '../../../client-sdk/src/wire.ts'
import { isIP } from 'node:net'
import { isLabel } from '../names.ts'

/** In `rollcall-system`. */
export const ingressAgentService = 'ingress'

/** The metadata of a registration. */
export const ingressAgentKeys = {
  /** Where it answers: addresses with commas between them. */
  addresses: 'rollcall.dev/ingress-addresses',
  /** The classes that it serves, with commas between them; absent = all of our controller. */
  classes: 'rollcall.dev/ingress-classes',
  /** The service, `namespace/name`, whose load-balancer address leads to it: its address is that of the ingresses. */
  service: 'rollcall.dev/ingress-service',
  /** What of ingresses it does not serve as they say: JSON, a list of `IngressProblem`. */
  problems: 'rollcall.dev/ingress-problems'
} as const

export interface IngressProblem {
  /** `namespace/name`. */
  readonly ingress: string
  readonly reason: string
  /** A sentence. */
  readonly message: string
}

export interface IngressAgentFacts {
  readonly id: string
  readonly node: string
  readonly addresses: readonly IngressAddress[]
  /** undefined: all of our controller. */
  readonly classes: readonly string[] | undefined
  readonly service: { readonly namespace: string, readonly name: string } | undefined
  readonly problems: readonly IngressProblem[]
}

/** Of a machine with many addresses the first: an ingress shows them all. */
export const maxIngressAddresses = 16
const maxClasses = 64
/** What one registration may say of ingresses; metadata has a limit in octets, too. */
export const maxIngressProblems = 32
const maxSentence = 300

type Registered = Pick<Endpoint | Instance, 'id' | 'metadata' | 'node'>

export function ingressAgentOf ({ id, metadata, node }: Registered): IngressAgentFacts {
  const [, namespace = '', name = ''] = /^([^/]+)\/([^/]+)$/.exec(metadata[ingressAgentKeys.service] ?? '') ?? []
  const classes = metadata[ingressAgentKeys.classes]
  return {
    id, node: node ?? id,
    addresses: items(metadata[ingressAgentKeys.addresses], maxIngressAddresses).flatMap((text) => (isIP(text) === 0 ? [] : [{ ip: text }])),
    classes: classes === undefined ? undefined : items(classes, maxClasses),
    service: isLabel(namespace) && isLabel(name) ? { namespace, name } : undefined,
    problems: problemsOf(metadata[ingressAgentKeys.problems])
  }
}

function items (text: string | undefined, most: number): string[] {
  return (text ?? '').split(',').map((item) => item.trim()).filter((item) => item !== '').slice(0, most)
}

function problemsOf (text = '[]'): IngressProblem[] {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return []
  }
  if (!Array.isArray(read)) return []
  return read.slice(0, maxIngressProblems).flatMap((each: Partial<Record<keyof IngressProblem, unknown>> | null): IngressProblem[] => {
    const { ingress, reason, message } = each ?? {}
    if (typeof ingress !== 'string' || typeof reason !== 'string' || typeof message !== 'string') return []
    return [{ ingress: ingress.slice(0, maxSentence), reason: reason.slice(0, 64), message: message.slice(0, maxSentence) }]
  })
}

/** Cut to what a registration may hold. */
export function problemsText (problems: readonly IngressProblem[]): string | undefined {
  if (problems.length === 0) return undefined
  const cut = problems.slice(0, maxIngressProblems)
  return JSON.stringify(cut.map(({ ingress, reason, message }) => ({ ingress, reason, message: message.slice(0, maxSentence) })))
}
