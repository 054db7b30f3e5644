// Where an ingress is reached: at the machines whose agents serve its class, or at the service that stands before them.
import type { Ingress, IngressAddress, IngressClass, Service } from '../service/types.ts'
import type { IngressAgentFacts } from './agent.ts'
import { defaultClass, isServedHere, namedClass, ownClass } from './classes.ts'

/** A client tries them in turn, if at all: more than that tell nobody anything. */
const maxAddresses = 64

/** @param serviceOf the service that an agent names as standing before it. @returns undefined: others serve it, and say so themselves */
export function addressesOf (
  ingress: Ingress, classes: readonly IngressClass[], agents: readonly IngressAgentFacts[], serviceOf: (namespace: string, name: string) => Service | undefined
): readonly IngressAddress[] | undefined {
  if (!isServedHere(ingress, classes)) return undefined
  const name = namedClass(ingress) ?? defaultClass(classes)?.metadata.name ?? ownClass
  const found = new Map<string, IngressAddress>()
  for (const { classes: served, service, addresses } of agents) {
    if (served !== undefined && !served.includes(name)) continue
    const before = service === undefined ? undefined : serviceOf(service.namespace, service.name)
    const own = service === undefined ? addresses : (before?.status?.loadBalancer?.ingress ?? []).map(addressOf)
    for (const address of own) found.set(address.ip ?? address.hostname ?? '', address)
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address).slice(0, maxAddresses)
}

/** Of a load balancer, whose entries say more. */
function addressOf ({ ip, hostname }: IngressAddress): IngressAddress {
  return { ...(ip === undefined ? {} : { ip }), ...(hostname === undefined ? {} : { hostname }) }
}

/** Whether two lists hold the same. */
export function isSameAddresses (one: readonly IngressAddress[], other: readonly IngressAddress[]): boolean {
  return one.length === other.length && one.every(({ ip, hostname }, index) => ip === other[index]?.ip && hostname === other[index]?.hostname)
}
