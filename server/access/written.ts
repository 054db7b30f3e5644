// What a stream of manifests would write: which verb each of them needs, on which service, and with which addresses. Its values are read with
// suspicion, since nothing of them has been checked yet; what is wrong with them is said by the core.
import type { Manifest } from '../model/service/types.ts'
import { serviceNameLabel } from '../model/service/types.ts'

export interface Written {
  readonly kind: Manifest['kind']
  readonly namespace: string
  /** Of the manifest. */
  readonly name: string
  /** The service that it is, or is about; undefined = it is about none. */
  readonly service: string | undefined
  readonly addresses: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** @param namespace stands in for one that the manifest does not name */
export function writtenBy (kind: Manifest['kind'], value: unknown, namespace: string): Written {
  const fields = fieldsOf(value)
  const metadata = fieldsOf(fields['metadata'])
  const name = textOf(metadata['name'])
  const own = textOf(metadata['namespace'])
  const common = { kind, name, namespace: own === '' ? namespace : own }
  switch (kind) {
    case 'Policy': case 'Namespace': return { ...common, namespace: name, service: undefined, addresses: [] }
    case 'IngressClass': return { ...common, namespace: '', service: undefined, addresses: [] }
    // They are about no one service: an ingress sends callers to several, a secret is used by several ingresses.
    case 'Ingress': case 'Secret': case 'HorizontalPodAutoscaler': return { ...common, service: undefined, addresses: [] }
    case 'Service': return { ...common, service: name, addresses: textsOf(fieldsOf(fields['spec'])['externalIPs']) }
    case 'Endpoints': return { ...common, service: name, addresses: listOf(fields['subsets']).flatMap((subset) => ipsOf(fieldsOf(subset))) }
    case 'EndpointSlice': return {
      ...common,
      service: textOf(fieldsOf(metadata['labels'])[serviceNameLabel]),
      addresses: textOf(fields['addressType']) === 'FQDN' ? [] : listOf(fields['endpoints']).flatMap((endpoint) => textsOf(fieldsOf(endpoint)['addresses']))
    }
  }
}

function ipsOf (subset: Fields): string[] {
  return [...listOf(subset['addresses']), ...listOf(subset['notReadyAddresses'])].map((each) => textOf(fieldsOf(each)['ip']))
}

function fieldsOf (value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : {} // keys are texts
}

function listOf (value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textsOf (value: unknown): string[] {
  return listOf(value).map(textOf)
}

function textOf (value: unknown): string {
  return typeof value === 'string' ? value : ''
}
