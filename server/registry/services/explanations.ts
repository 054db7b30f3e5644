// Why an instance is, or is not, an endpoint of each service of its namespace.
import type { Endpoint, Instance, ServiceExplanation } from '../../../client-sdk/src/wire.ts'
import { explained, implicitService } from '../../model/service/endpoints.ts'
import type { Catalog } from '../catalog/catalog.ts'

/** Services that one explanation names: those that have the instance come first. */
export const maxExplained = 1_000

/** @param warningsOf what is wrong with the addresses and ports of a service */
export function explanationsOf (catalog: Catalog, instance: Instance, warningsOf: (service: string) => readonly string[]): readonly ServiceExplanation[] {
  const { namespace, source } = instance
  const all = catalog.services(namespace).map((service): ServiceExplanation => {
    const declared = catalog.declared(namespace, service)
    const manifest = declared?.manifest ?? implicitService(namespace, service)
    // Who is ready is answered: only for one that is not, the answers must be looked at.
    const mayBeAnswered = !instance.conditions.ready && (declared?.selects(instance) ?? service === instance.service)
    const isAnswered = mayBeAnswered && catalog.endpoints(namespace, service)?.answered.some((endpoint) => isOf(endpoint, instance, service))
    const why = explained(manifest, instance, isAnswered)
    const warnings = why.in ? warningsOf(service) : []
    return {
      namespace, service, implicit: declared === undefined, ...why,
      ...(source === undefined ? {} : { source }), ...(warnings.length === 0 ? {} : { warnings })
    }
  })
  return all.sort((a, b) => Number(b.in) - Number(a.in)).slice(0, maxExplained)
}

/** Whether an endpoint of a service is that of an instance: those of an implicit one do not say under which name they registered. */
function isOf (endpoint: Endpoint, instance: Instance, service: string): boolean {
  return endpoint.id === instance.id && (endpoint.service ?? service) === instance.service
}
