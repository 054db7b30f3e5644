// Questions about a service that defaulting, updating, validation and allocation all ask.
import { isIP } from 'node:net'
import { type IpFamily, none, type Service } from './types.ts'

/** What the registry can give: the families of `--service-cidr`, the first of which is the default. */
export interface RegistryFacts {
  readonly families: readonly IpFamily[]
}

export interface ValidationFacts extends RegistryFacts {
  /** The stored service that this one replaces. */
  readonly old?: Service | undefined
}

/** What runs when no range is configured at all. */
export const defaultFamily: IpFamily = 'IPv4'

export function isHeadless ({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && (spec.clusterIP === none || spec.clusterIPs?.[0] === none)
}

/** `None` counts: it is a value that the service keeps. */
export function needsClusterIp ({ spec }: Service): boolean {
  return spec.type !== 'ExternalName'
}

export function needsNodePort ({ spec }: Service): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer'
}

export function needsHealthCheckNodePort ({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}

/** Also a ClusterIP service with `externalIPs`. */
export function isExternallyAccessible ({ spec }: Service): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && spec.externalIPs !== undefined)
}

export function hasSelector ({ spec }: Service): boolean {
  return spec.selector !== undefined && Object.keys(spec.selector).length > 0
}

/** The family of an address, or undefined when it is not an address. */
export function ipFamilyOf (address: string): IpFamily | undefined {
  const family = address.includes('%') ? 0 : isIP(address)
  return family === 0 ? undefined : family === 4 ? 'IPv4' : 'IPv6'
}

export function sameTexts (one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  const [a, b] = [one ?? [], other ?? []]
  return a.length === b.length && a.every((text, index) => text === b[index])
}
