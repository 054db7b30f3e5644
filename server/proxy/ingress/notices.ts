// What the rules of the ingresses lead to that cannot be asked: told to their owners before a client meets it.
import type { EndpointGroups } from './endpoint-groups.ts'
import type { IngressNotice } from './ports.ts'
import type { RouteTable } from './route-table.ts'
import type { BackendRef, IngressEntry } from './rules.ts'

const reasonOf = {
  'no-service': 'NoSuchService', 'no-port': 'NoSuchPort', 'no-endpoints': 'NoEndpoints', 'external-name': 'ExternalNameRefused', 'protocol': 'ProtocolNotSpoken'
} as const

export function stateNotices (table: RouteTable, groups: EndpointGroups): IngressNotice[] {
  return [...table.served()].flatMap((entry) => {
    return [...backendsOf(entry).values()].flatMap((ref): IngressNotice[] => {
      const { problem } = groups.of(ref)
      return problem === undefined ? [] : [{ ingress: entry.key, reason: reasonOf[problem.reason], message: problem.message }]
    })
  })
}

function backendsOf ({ routes, defaultBackend, canary }: IngressEntry): Map<string, BackendRef> {
  const refs = [...routes.map(({ backend }) => backend), ...defaultBackend === undefined ? [] : [defaultBackend], ...canary === undefined ? [] : [canary]]
  return new Map(refs.map((ref) => [ref.key, ref]))
}
