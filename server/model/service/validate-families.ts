// Cluster addresses and address families: how the four fields agree, and what an update may do to them.
import { type Cause, duplicate, invalidValue, notSupported, required } from './causes.ts'
import { defaultFamily, ipFamilyOf, isHeadless, needsClusterIp, type RegistryFacts, sameTexts,
  type ValidationFacts } from './facts.ts'
import { ipAddress } from './grammar.ts'
import { type IpFamily, ipFamilies, ipFamilyPolicies, none, type Service, type ServiceSpec } from './types.ts'

const path = { ips: 'spec.clusterIPs', families: 'spec.ipFamilies', policy: 'spec.ipFamilyPolicy' } as const

/** All causes in clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, but for those of an update. */
export function clusterIpFaults (service: Service, facts: ValidationFacts): Cause[] {
  if (service.spec.type === 'ExternalName') return [] // must not have any of them, which is said by its type
  const shape = shapeFaults(service.spec)
  // A wrong address would only be counted and matched wrongly below.
  if (shape.addressesBroken) return shape.causes
  return [...shape.causes, ...agreementFaults(service), ...policyFaults(service, facts)]
}

function shapeFaults (spec: ServiceSpec): { causes: Cause[], addressesBroken: boolean } {
  const causes: Cause[] = []
  const addresses = spec.clusterIPs ?? []
  if (spec.clusterIP !== undefined) {
    if (addresses.length === 0) causes.push(required(path.ips))
    else if (addresses[0] !== spec.clusterIP) causes.push(invalidValue(path.ips, addresses, 'first value must match `clusterIP`'))
  } else if (addresses.length > 0) causes.push(invalidValue(path.ips, addresses, 'must be empty when `clusterIP` is not specified'))
  const families = spec.ipFamilies ?? []
  for (const [index, family] of families.entries()) {
    if (!ipFamilies.includes(family)) causes.push(notSupported(`${path.families}[${index}]`, family, ipFamilies))
    if (families.indexOf(family) < index) causes.push(duplicate(`${path.families}[${index}]`, family))
  }
  const policy = spec.ipFamilyPolicy
  if (policy !== undefined && !ipFamilyPolicies.includes(policy)) causes.push(notSupported(path.policy, policy, ipFamilyPolicies))
  let addressesBroken = false
  for (const [index, address] of addresses.entries()) {
    if (index === 0 && address === none) {
      if (addresses.length === 1) continue
      causes.push(invalidValue(path.ips, addresses, "'None' must be the first and only value"))
      addressesBroken = true
      continue
    }
    const broken = ipAddress(address)
    causes.push(...broken.map((rule) => invalidValue(`${path.ips}[${index}]`, address, rule)))
    addressesBroken ||= broken.length > 0
  }
  if (addresses.length > 2) causes.push(invalidValue(path.ips, addresses, 'may only hold up to 2 values'))
  return { causes, addressesBroken }
}

function agreementFaults (service: Service): Cause[] {
  const causes: Cause[] = []
  const addresses = service.spec.clusterIPs ?? []
  if (addresses.length > 1 && new Set(addresses.map(ipFamilyOf)).size < Math.min(addresses.length, 2)) {
    return [invalidValue(path.ips, addresses, 'may specify no more than one IP for each IP family')]
  }
  if (isHeadless(service)) return causes
  for (const [index, address] of addresses.entries()) {
    const family = service.spec.ipFamilies?.[index]
    if (family === undefined || !ipFamilies.includes(family) || ipFamilyOf(address) === family) continue
    causes.push(invalidValue(`${path.ips}[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``))
  }
  return causes
}

/**
 * What the registry cannot give. A headless service may claim any family: nothing is allocated for it, and its
 * instances have what they have.
 */
function policyFaults (service: Service, facts: ValidationFacts): Cause[] {
  const { spec } = service
  const causes: Cause[] = []
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if ((spec.clusterIPs ?? []).length === 2) causes.push(invalidValue(path.policy, spec.ipFamilyPolicy, dualRule('cluster IPs')))
    else if ((spec.ipFamilies ?? []).length === 2) causes.push(invalidValue(path.policy, spec.ipFamilyPolicy, dualRule('IP families')))
  }
  // What an existing service has stays legal when the registry's ranges change; re-applying it must not fail.
  if (isHeadless(service) || keepsWhatItHas(service, facts.old)) return causes
  const has = familiesOf(facts.old)
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (ipFamilies.includes(family) && !has.includes(family) && !isConfigured(facts, family)) causes.push(invalidValue(`${path.families}[${index}]`, family, 'not configured on this registry'))
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && new Set([...facts.families, ...has]).size < 2) {
    causes.push(invalidValue(path.policy, spec.ipFamilyPolicy, 'this registry is not configured for dual-stack services'))
  }
  return causes
}

function dualRule (what: string): string {
  return `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
}

/** With no range configured at all one family runs alone, for endpoints and headless services. */
function isConfigured (facts: RegistryFacts, family: IpFamily): boolean {
  return facts.families.length === 0 ? family === defaultFamily : facts.families.includes(family)
}

function keepsWhatItHas (next: Service, old: Service | undefined): boolean {
  return old !== undefined && sameTexts(old.spec.ipFamilies, next.spec.ipFamilies) && old.spec.ipFamilyPolicy === next.spec.ipFamilyPolicy
}

/** The families in which a service has addresses: another node may have ranges that this one has not. */
function familiesOf (old: Service | undefined): readonly IpFamily[] {
  return old === undefined || !needsClusterIp(old) || isHeadless(old) ? [] : old.spec.ipFamilies ?? []
}

/** The first address and the first family stay what they are; a second may come, and go with SingleStack. */
export function familyUpdateFaults (old: Service, next: Service): Cause[] {
  if (!needsClusterIp(old) || !needsClusterIp(next)) return []
  return [
    ...listUpdateFaults(next, path.ips, 'clusterIP', old.spec.clusterIPs ?? [], next.spec.clusterIPs ?? []),
    ...listUpdateFaults(next, path.families, 'ipFamily', old.spec.ipFamilies ?? [], next.spec.ipFamilies ?? [])
  ]
}

function listUpdateFaults (next: Service, field: string, what: string, was: readonly string[], is: readonly string[]): Cause[] {
  if (was.length > 0 && is.length === 0) return [invalidValue(`${field}[0]`, is, `primary ${what} can not be unset`)]
  const causes: Cause[] = []
  for (let index = 0; index < Math.min(was.length, is.length); index++) {
    if (was[index] !== is[index]) causes.push(invalidValue(`${field}[${index}]`, is, 'may not change once set'))
  }
  if (was.length > is.length && is.length === 1 && next.spec.ipFamilyPolicy !== 'SingleStack') {
    causes.push(invalidValue(path.policy, next.spec.ipFamilyPolicy ?? null, `must be set to 'SingleStack' when releasing the secondary ${what}`))
  }
  return causes
}
