// What a rule of a policy means: its role as verbs, and the places that only a name written out reaches.
import { ingressAgentService } from '../ingress/agent.ts'
import type { PolicyRule, Role, Verb } from '../service/types.ts'

/** A rule with its verbs, which hold in these namespaces and services. */
export interface PlainRule {
  readonly verbs: readonly Verb[]
  readonly namespaces: readonly string[]
  readonly services: readonly string[]
  /** Networks; undefined = all addresses. */
  readonly addresses: readonly string[] | undefined
}

/** The registry's own namespace: agents register themselves there. */
export const systemNamespace = 'rollcall-system'
/** The service of the agents in it. */
export const proxyService = 'proxy'

const all = ['*'] as const

export const roleVerbs = {
  agent: ['read', 'register'],
  reader: ['read'],
  operator: ['read', 'operate', 'metrics'],
  proxy: ['read'],
  admin: ['read', 'register', 'operate', 'declare', 'metrics', 'admin']
} as const satisfies Record<Role, readonly Verb[]>

/** Verbs that are not about a namespace. */
export const globalVerbs: ReadonlySet<Verb> = new Set(['admin', 'metrics'])

/** What a rule says, its role resolved. */
export function plainRules ({ role, verbs = [], namespaces = all, services = all, addresses }: PolicyRule): readonly PlainRule[] {
  if (role === 'admin') return [{ verbs: roleVerbs.admin, namespaces: all, services: all, addresses: undefined }]
  const said = { verbs: role === undefined ? verbs : roleVerbs[role], namespaces, services, addresses }
  // An agent that carries traffic follows what it may read, and registers itself.
  return role === 'proxy' ? [said, { verbs: ['read', 'register'], namespaces: [systemNamespace], services: [proxyService, ingressAgentService], addresses }] : [said]
}

/**
 * Names that stand for the registry itself, or for what every program of a cluster calls: a pattern does not reach them where something is
 * written.
 */
export function isReserved (namespace: string, service: string): boolean {
  return namespace === systemNamespace || service === 'kubernetes'
}
