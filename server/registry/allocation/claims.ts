// A claim is a lasting object of the store whose key is the value that it takes: two services cannot have one, on whichever
// nodes they are written. It is written and removed in the same commit as the service that holds it, so that none is left over.
import { Type } from 'typebox'
import { familyOf } from '../../model/address/address.ts'
import type { Family } from '../../model/address/ranges.ts'
import { LabelName } from '../../model/instance/instance.ts'
import type { Held } from '../../model/service/needs.ts'
import { readJson } from '../../model/stored-text.ts'
import { checker } from '../../model/validate.ts'
import type { ObjectRecord } from '../../store/store.ts'
import { claimPrefix } from '../object-keys.ts'

export interface Holder {
  readonly namespace: string
  readonly service: string
}

/**
 * What a claim takes. The value is canonical text, a port in decimal. Which pool an address of a load balancer came from is no part of
 * it: nodes whose settings name their pools differently must still not give one address twice.
 */
export interface ClaimTarget {
  readonly kind: 'ip' | 'port' | 'lb'
  readonly value: string
}

/** A claim as the allocator remembers it. */
export type Claim = ClaimTarget & { readonly key: string, readonly holder: Holder, readonly revision: number }

/** @example claimKey({ kind: 'lb', value: '192.0.2.10' }) // 'claim/lb/192.0.2.10' */
export function claimKey ({ kind, value }: ClaimTarget): string {
  return `${claimPrefix}${kind}/${value}`
}

export function isClaimKey (key: string): boolean {
  return key.startsWith(claimPrefix)
}

/** undefined = the object is no claim. */
export function claimTarget (key: string): ClaimTarget | undefined {
  const [kind, value = '', ...rest] = key.startsWith(claimPrefix) ? key.slice(claimPrefix.length).split('/') : []
  return (kind === 'ip' || kind === 'port' || kind === 'lb') && value !== '' && rest.length === 0 ? { kind, value } : undefined
}

export function claimBody ({ namespace, service }: Holder): string {
  return JSON.stringify({ namespace, service })
}

const checkHolder = checker(Type.Object({ namespace: LabelName, service: LabelName }, { additionalProperties: false }))

/** undefined = the object is not a claim, or `claimBody` did not write its text. */
export function claimOf (object: Pick<ObjectRecord, 'key' | 'revision' | 'body'>): Claim | undefined {
  const target = claimTarget(object.key)
  if (target === undefined) return undefined
  const read = readJson(object.body, checkHolder)
  if ('refusal' in read) return undefined
  const { namespace, service } = read.value as Holder // it has just been checked
  return { ...target, key: object.key, holder: { namespace, service }, revision: object.revision }
}

/** What the claim of a value takes that a service has. */
export function heldTarget (held: Held): ClaimTarget {
  switch (held.kind) {
    case 'clusterIP': return { kind: 'ip', value: held.address }
    case 'nodePort': return { kind: 'port', value: String(held.port) }
    case 'loadBalancer': return { kind: 'lb', value: held.address }
  }
}

/** `node port 30080` */
export function targetText ({ kind, value }: ClaimTarget): string {
  return `${kind === 'port' ? 'node port' : kind === 'ip' ? 'cluster IP' : 'load-balancer address'} ${value}`
}

/** `shop/orders` */
export function holderName ({ namespace, service }: Holder): string {
  return `${namespace}/${service}`
}

/** The family of the address that a claim takes, undefined for a port. */
export function claimFamily (target: ClaimTarget): Family | undefined {
  return target.kind === 'port' ? undefined : familyOf(target.value)
}

export function isSameHolder (one: Holder, other: Holder): boolean {
  return one.namespace === other.namespace && one.service === other.service
}
