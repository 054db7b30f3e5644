// Which rule answers a URL, and who would be asked: the decision of a request, told and not acted on.
import { parseIp } from '../../model/address/ranges.ts'
import { reasons } from './answers.ts'
import { type Asked, decide, type Forward } from './decision.ts'
import type { EndpointGroups } from './endpoint-groups.ts'
import type { RouteExplanation } from './ports.ts'
import { isPrefix, type Route } from './rules.ts'
import type { RouteTable } from './route-table.ts'

/** @param url absolute, http or https. @param headers by names in any case; `X-Forwarded-For` stands for the client's address */
export function explainRoute (
  table: RouteTable, groups: EndpointGroups, nowMs: number, url: string, method: string, headers: Readonly<Record<string, string>>
): RouteExplanation {
  const given = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const parts = /^(https?):\/\/([^/?#]*)([/?].*)?$/i.exec(url)
  const none: RouteExplanation = { url, method, endpoints: [], notes: [] }
  if (parts === null) return { ...none, answer: { status: 400, reason: 'bad-target', message: 'the URL must begin with http:// or https://' } }
  const [, schemeText = '', authority = '', rest = '/'] = parts
  const scheme = schemeText.toLowerCase() === 'https' ? 'https' : 'http'
  const client = parseIp(given.get('x-forwarded-for') ?? '')
  const asked: Asked = {
    method, target: rest.startsWith('/') ? rest : `/${rest}`, hosts: [given.get('host') ?? authority], scheme, clientScheme: scheme, client: 'problem' in client ? undefined : client,
    isHostOptional: false, fields: given.size, header: (name) => given.get(name)
  }
  // The draw of a canary is told as a note: here it is the other service that is shown.
  const decision = decide(table, asked, () => 1)
  if ('answer' in decision) {
    const { reason, message, headers: answered = [] } = decision.answer
    const at = answered.indexOf('Location')
    return {
      ...none, ...(decision.owner === undefined ? {} : { ingress: decision.owner.key }),
      answer: { status: reasons[reason], reason, message, ...(at === -1 ? {} : { location: answered[at + 1] ?? '' }) }
    }
  }
  return { ...none, ...forwarded(table, groups, nowMs, decision) }
}

function forwarded (table: RouteTable, groups: EndpointGroups, nowMs: number, decision: Forward): Partial<RouteExplanation> {
  const { owner, route, backend, path } = decision
  const group = groups.of(backend)
  const { problem } = group
  const total = group.choosable.reduce((sum, each) => sum + (each.isEjected(nowMs) ? 0 : each.weight), 0)
  return {
    ingress: owner.key, service: backend.service, port: backend.port, forwardedPath: path,
    ...(route === undefined ? { isDefaultBackend: true } : { rule: { host: route.host, path: route.path, pathType: route.pathType } }),
    ...(problem === undefined ? {} : { answer: { status: 503, reason: problem.reason, message: problem.message } }),
    endpoints: group.choosable.map((each) => ({
      id: each.id, address: each.address, port: each.port, share: each.isEjected(nowMs) || total === 0 ? 0 : each.weight / total,
      ...(each.isEjected(nowMs) ? { note: `left out for ${Math.ceil((each.ejectedUntilMs - nowMs) / 1_000)} s: it failed ${each.failures} times in a row` } : {})
    })),
    notes: [...otherClaims(table, decision), ...canaryNotes(decision)]
  }
}

/** Rules of the same host that fit, too, and why they lost. */
function otherClaims (table: RouteTable, { host, target, route }: Forward): string[] {
  const routes = table.routesOf(host)
  if (routes === undefined || route === undefined) return []
  const fits = ({ pathType, matched }: Route): boolean => {
    return isPrefix(pathType) ? target.path === matched || target.path.startsWith(`${matched}/`) : target.path === matched
  }
  const all = [...routes.exact.values(), ...routes.prefixes.values()].flat().filter((each) => each !== route && fits(each))
  return all.slice(0, 10).map((each) => {
    const why = each.matched === route.matched && isPrefix(each.pathType) === isPrefix(route.pathType)
      ? each.owner === route.owner ? 'it comes later in the same ingress' : 'its ingress is newer'
      : each.matched === route.matched ? 'Exact goes before Prefix' : 'its path is shorter'
    return `${each.owner.key}: ${each.host === '' ? '*' : each.host}${each.path} (${each.pathType}) fits, too, and loses: ${why}`
  })
}

function canaryNotes ({ owner, isCanary }: Forward): string[] {
  const { canary, affinityCookie, allowedSources } = owner.annotations
  const notes: string[] = []
  if (canary !== undefined && owner.canary !== undefined) {
    const by = canary.header === undefined ? '' : ` and requests with ${canary.header.name}${canary.header.value === undefined ? '' : `: ${canary.header.value}`}`
    notes.push(isCanary ? 'it goes to the canary, by its header' : `${canary.weight} of 100 requests${by} go to the canary ${owner.canary.key}`)
  }
  if (affinityCookie !== undefined) notes.push(`a client with the cookie ${affinityCookie} stays with its endpoint`)
  if (allowedSources !== undefined) notes.push(`only clients of ${allowedSources.map(({ text }) => text).join(', ')} may ask`)
  return notes
}
