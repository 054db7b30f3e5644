// Which names of a declared service an address leads back to.
import { type Cause, notSupported } from './causes.ts'
import type { Service } from './types.ts'

/**
 * `primary`: the address leads to this service and to no other one; `hostnames`: to endpoints with a hostname of their own only;
 * `none`: never to this service, nor does its cluster IP.
 */
export const pointerPolicies = ['primary', 'hostnames', 'none'] as const
export type PointerPolicy = (typeof pointerPolicies)[number]

export const pointerAnnotation = 'rollcall.dev/dns-ptr'

/** undefined = no wish. */
export function pointerPolicyOf (service: Service | undefined): PointerPolicy | undefined {
  const text = service?.metadata.annotations?.[pointerAnnotation]
  return pointerPolicies.find((policy) => policy === text)
}

export function pointerPolicyFaults ({ metadata }: Service): Cause[] {
  const text = metadata.annotations?.[pointerAnnotation]
  const isKnown = text === undefined || (pointerPolicies as readonly string[]).includes(text)
  return isKnown ? [] : [notSupported(`metadata.annotations[${pointerAnnotation}]`, text, pointerPolicies)]
}
