// An Ingress, from its checked shape to what is kept of it.
import { Type } from 'typebox'
import { anything, blank, compact, fields, list, type Loose, type LooseObject, metaOf, said, several, text, typeMeta, whole } from '../manifest/shapes.ts'
import type { Ingress, IngressBackend, IngressBackendPort, IngressPath, IngressRule, IngressSpec, IngressTls } from '../service/types.ts'

const reference = fields({ apiGroup: text, kind: text, name: text })
const backend = fields({ service: fields({ name: text, port: fields({ name: text, number: whole }) }), resource: reference })

export const ingressShape = fields({
  ...typeMeta,
  spec: fields({
    ingressClassName: text,
    defaultBackend: backend,
    rules: list(fields({ host: text, http: fields({ paths: list(fields({ path: text, pathType: text, backend })) }) })),
    tls: list(fields({ hosts: list(text), secretName: text }))
  }),
  status: anything
})

const closed = { additionalProperties: false } as const
const word = Type.String({ rule: 'must be a text' })

/** As it is stored: what agents say of their addresses. */
export const ingressStatusShape = Type.Object({
  loadBalancer: Type.Object({
    ingress: Type.Optional(Type.Array(Type.Object({ ip: Type.Optional(word), hostname: Type.Optional(word) }, closed), { maxItems: 256, rule: 'must be a list of at most 256' }))
  }, closed)
}, closed)

/** As a manifest may have it: nothing is filled in yet, and a backend may name something else than a service. */
export interface LooseBackend {
  readonly service?: { readonly name?: string, readonly port?: { readonly name?: string, readonly number?: number } }
  readonly resource?: object
}

export function ingressOf ({ metadata, spec = {} }: LooseObject<Ingress>, namespace: string): Ingress {
  const { ingressClassName, defaultBackend, rules, tls } = spec
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metaOf(metadata, namespace),
    spec: compact<IngressSpec>({
      ingressClassName,
      defaultBackend: defaultBackend === undefined ? undefined : backendOf(defaultBackend),
      rules: several(rules)?.map(ruleOf),
      tls: several(tls)?.map((each) => compact<IngressTls>({ hosts: several(each.hosts), secretName: said(each.secretName) }))
    })
  }
}

function ruleOf ({ host, http }: Loose<IngressRule>): IngressRule {
  return compact<IngressRule>({
    host: said(host),
    http: http === undefined ? undefined : { paths: ((http as Loose<NonNullable<IngressRule['http']>>).paths ?? []).map(pathOf) }
  })
}

function pathOf ({ path, pathType, backend = {} as IngressBackend }: Loose<IngressPath>): IngressPath {
  return compact<IngressPath>({ path: said(path), pathType: pathType ?? blank, backend: backendOf(backend) })
}

/** An empty name and a number of 0 are none, as in Kubernetes. What is wrong with the rest is said by validation, which sees it as it is. */
function backendOf (backend: IngressBackend): IngressBackend {
  const { service, resource } = backend as LooseBackend
  const port = compact<{ name?: string, number?: number }>({
    name: said(service?.port?.name), number: service?.port?.number === 0 ? undefined : service?.port?.number
  }) as IngressBackendPort // one of both, once validation has seen it
  return compact({ service: service === undefined ? undefined : { name: service.name ?? '', port }, resource }) // as above
}
