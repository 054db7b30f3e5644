// Who registered an instance keeps it: others neither renew, change nor end it, as far as access control says so (actor.ts). It is looked at
// where the command looks at the instance, since between a look before and the write another life may have begun.
import { RegistryError } from '../errors.ts'
import type { Actor, Owned } from './actor.ts'

/** Whether an actor may renew, change or end an instance. */
export function isPermitted ({ ownership }: Actor, instance: Owned): boolean {
  if (ownership === undefined || instance.owner === undefined || instance.owner === ownership.owner) return true
  return ownership.permits(instance) || !ownership.isBinding
}

/** @throws RegistryError REG_FORBIDDEN */
export function requirePermitted (actor: Actor, instance: Owned): void {
  if (!isPermitted(actor, instance)) throw ownedByOther(instance)
}

export function ownedByOther ({ namespace, service, id, owner = '' }: Owned): RegistryError {
  return new RegistryError('REG_FORBIDDEN', `instance "${id}" of service "${service}" in namespace "${namespace}" was registered by ${owner}: only that identity may keep it, or one that may "operate" there`)
}
