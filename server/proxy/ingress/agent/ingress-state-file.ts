// What an ingress has been told last, in a file: after its own restart it serves that, also while the registry is away. Private keys are in it,
// so that TLS goes on, too: as those of any web server it is its owner's alone (docs/decisions/0060-ingress-workers.md).
import type { Ingress, IngressClass } from '../../../../client-sdk/src/ingress-manifests.ts'
import type { IngressCertificate } from '../../../../client-sdk/src/wire.ts'
import { readKept, writeKept } from '../../state-file.ts'
import type { ServiceState } from '../ports.ts'

const format = 'rollcall-ingress 1'

export interface KeptIngress {
  readonly ingresses: readonly Ingress[]
  readonly classes: readonly IngressClass[]
  readonly services: readonly ServiceState[]
  readonly certificates: readonly IngressCertificate[]
}

/** Reads it. @returns undefined if there is none. @throws with a sentence if it is damaged, or another program's */
export function readIngress (path: string): KeptIngress | undefined {
  return readKept(path, format, isKept)
}

/** Writes it so that a reader finds the old one or the new one, whatever happens meanwhile. */
export function writeIngress (path: string, kept: KeptIngress): Promise<void> {
  return writeKept(path, format, kept)
}

/** The checksum says that an agent has written it; an older or newer one may have written something else. */
function isKept (value: unknown): value is KeptIngress {
  const { ingresses, classes, services, certificates } = (value ?? {}) as Partial<Record<keyof KeptIngress, unknown>>
  return [ingresses, classes, services, certificates].every(Array.isArray)
}
