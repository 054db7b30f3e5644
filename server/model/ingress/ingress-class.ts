// An IngressClass: who serves the ingresses that name it. Its rules are those of Kubernetes, in its words.
import { compact, fields, type LooseObject, metaOf, text, typeMeta } from '../manifest/shapes.ts'
import { type Cause, forbidden, invalidValue, notSupported, required, tooLong } from '../service/causes.ts'
import { broken, dns1123Label, dns1123Subdomain } from '../service/grammar.ts'
import { metadataFaults } from '../service/metadata.ts'
import { pathSegment } from '../manifest/path-segment.ts'
import type { IngressClass } from '../service/types.ts'

/** With the value `true`: the class of ingresses that name none. */
export const defaultClassAnnotation = 'ingressclass.kubernetes.io/is-default-class'

export const ingressClassShape = fields({
  ...typeMeta,
  spec: fields({ controller: text, parameters: fields({ apiGroup: text, kind: text, name: text, namespace: text, scope: text }) })
})

type Parameters = NonNullable<IngressClass['spec']['parameters']>

const scopes = ['Cluster', 'Namespace'] as const
const maxController = 250
const controllerPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

/** The scope of parameters is filled in. */
export function ingressClassOf ({ metadata, spec: { controller, parameters } = {} }: LooseObject<IngressClass>): IngressClass {
  const said = parameters as Partial<Parameters> | undefined
  const filled = said === undefined ? undefined : compact<Parameters>({
    apiGroup: said.apiGroup, kind: said.kind ?? '', name: said.name ?? '', namespace: said.namespace, scope: said.scope ?? 'Cluster'
  })
  return {
    apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: metaOf(metadata, ''),
    spec: compact<IngressClass['spec']>({ controller: controller === '' ? undefined : controller, parameters: filled })
  }
}

/** All causes against a class. */
export function ingressClassFaults ({ metadata, spec: { controller = '', parameters } }: IngressClass, old?: IngressClass): readonly Cause[] {
  return [
    ...metadataFaults(metadata, dns1123Subdomain, old?.metadata),
    ...(metadata.namespace === '' ? [] : [forbidden('metadata.namespace', 'not allowed on this type')]),
    ...(old !== undefined && controller !== (old.spec.controller ?? '') ? [invalidValue('spec.controller', controller, 'field is immutable')] : []),
    ...controllerFaults(controller),
    ...(parameters === undefined ? [] : parametersFaults(parameters))
  ]
}

function controllerFaults (controller: string): Cause[] {
  const field = 'spec.controller'
  const causes: Cause[] = controller.length > maxController ? [tooLong(field, maxController)] : []
  if (controller === '') return [...causes, required(field)]
  const at = controller.indexOf('/')
  const domain = controller.slice(0, Math.max(0, at))
  const path = controller.slice(at + 1)
  if (at === -1 || domain === '' || path === '') return [...causes, invalidValue(field, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  causes.push(...broken(field, domain, dns1123Subdomain))
  if (!controllerPath.test(path)) causes.push(invalidValue(field, path, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"))
  return causes
}

function parametersFaults ({ apiGroup, kind, name, namespace, scope = 'Cluster' }: Parameters): Cause[] {
  const field = 'spec.parameters'
  const causes: Cause[] = apiGroup === undefined ? [] : broken(`${field}.apiGroup`, apiGroup, dns1123Subdomain)
  causes.push(...(kind === '' ? [required(`${field}.kind`)] : broken(`${field}.kind`, kind, pathSegment)))
  causes.push(...(name === '' ? [required(`${field}.name`)] : broken(`${field}.name`, name, pathSegment)))
  switch (scope) {
    case 'Namespace':
      if (namespace === undefined) causes.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"))
      else causes.push(...broken(`${field}.namespace`, namespace, dns1123Label))
      break
    case 'Cluster':
      if (namespace !== undefined) causes.push(forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"))
      break
    default: causes.push(notSupported(`${field}.scope`, scope, scopes))
  }
  return causes
}
