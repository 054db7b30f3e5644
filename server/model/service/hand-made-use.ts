// Whether EndpointSlices and Endpoints that were applied by hand are anybody's endpoints, and if not, why.
import type { HandMadeUse } from '../../../client-sdk/src/wire.ts'
import { ownSlices } from './endpoints.ts'
import { hasSelector } from './facts.ts'
import { type Endpoints, type EndpointSlice, type Service, serviceNameLabel } from './types.ts'

/** The name of the service that they were made for. */
export function serviceOf (made: EndpointSlice | Endpoints): string {
  return made.kind === 'Endpoints' ? made.metadata.name : made.metadata.labels?.[serviceNameLabel] ?? ''
}

/**
 * @param owner the declared service of that name
 * @param endpoints the Endpoints object of that name
 */
export function useOf (made: EndpointSlice | Endpoints, owner: Service | undefined, endpoints: Endpoints | undefined): HandMadeUse {
  if (owner === undefined) return 'undeclared'
  if (owner.spec.type === 'ExternalName') return 'externalName'
  if (hasSelector(owner)) return 'selector'
  return made.kind === 'EndpointSlice' && ownSlices({ slices: [made], endpoints }).length === 0 ? 'mirror' : 'used'
}

/** What the one who applies them is told; undefined if they are used. */
export function unusedWarning (use: HandMadeUse, service: string): string | undefined {
  switch (use) {
    case 'used': return undefined
    case 'undeclared': return `service "${service}" is not declared: these endpoints are not used until it is`
    case 'externalName': return `service "${service}" is an ExternalName: these endpoints are not used`
    case 'selector': return `service "${service}" has a selector: these endpoints are not used`
    case 'mirror': return 'it mirrors the Endpoints object of the service, which says what is in it: this slice is not used'
  }
}
