// Declared services: manifests applied, read and taken back. `rollcall.services(...)` itself lists all services, as it always did.
import type { CallOptions, ListOptions, ReadOptions } from './options.ts'
import type { Endpoints, EndpointSlice, Namespace, ObjectMeta, Service, ServicePort, ServiceSpec, SliceEndpoint, SlicePort } from './manifests.ts'
import type { Target } from './resolver.ts'
import { applyAnswer, deleteAnswer, serviceManifest } from './answer-shapes.ts'
import { checkOptions } from './option-shapes.ts'
import { applyPath, servicePath } from './paths.ts'
import type { Answer, RequestOptions } from './transport.ts'
import type { ApplyAnswer, DeleteAnswer, ServiceSummary } from './wire.ts'

/** What must be said of a manifest's head. */
export type MetaInput = Partial<ObjectMeta> & ({ readonly name: string } | { readonly generateName: string })

/** A Service as a person writes it: what is left out is defaulted and allocated by the registry. */
export interface ServiceInput {
  readonly apiVersion: 'v1'
  readonly kind: 'Service'
  readonly metadata: MetaInput
  readonly spec: Partial<Omit<ServiceSpec, 'ports'>> & { readonly ports?: readonly (Partial<ServicePort> & { readonly port: number })[] }
  readonly status?: object
}

/** Hand-made endpoints of a service without selector; the label `kubernetes.io/service-name` names it. */
export interface EndpointSliceInput {
  readonly apiVersion: 'discovery.k8s.io/v1'
  readonly kind: 'EndpointSlice'
  readonly metadata: MetaInput
  readonly addressType: EndpointSlice['addressType']
  readonly endpoints: readonly SliceEndpoint[]
  readonly ports?: readonly Partial<SlicePort>[]
}

export interface NamespaceInput {
  readonly apiVersion: 'v1'
  readonly kind: 'Namespace'
  readonly metadata: MetaInput
}

/** Every manifest that the registry gives is one that it takes. */
export type ManifestInput = ServiceInput | EndpointSliceInput | NamespaceInput | Service | EndpointSlice | Endpoints | Namespace

export interface ApplyOptions extends CallOptions {
  /** Says what would happen, with all checks and allocations, and changes nothing. */
  readonly dryRun?: boolean | undefined
  /** Of manifests that name none. Default: the client's. */
  readonly namespace?: string | undefined
}

export interface Services {
  /** Lists all services, declared or not, with the counts of their instances. */
  (options?: Omit<ListOptions, 'service' | 'status'>): AsyncGenerator<ServiceSummary, void, undefined>
  /**
   * Declares what the manifests say: all of them or none. A text is a stream of YAML documents or JSON objects.
   * @throws RollcallError REG_MANIFEST_INVALID, REG_INVALID: `errors` has every fault, with document, line and field
   * @example
   * await rollcall.services.apply({
   *   apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] }
   * })
   */
  apply (manifests: string | ManifestInput | readonly ManifestInput[], options?: ApplyOptions): Promise<ApplyAnswer>
  /**
   * What was declared, with what was allocated; of a service that exists only by its instances, what it would be.
   * @throws RollcallError REG_SERVICE_NOT_FOUND
   */
  get (target: Target, options?: ReadOptions): Promise<Service>
  /** The declared services, page by page. */
  list (options?: Omit<ListOptions, 'service' | 'status'>): AsyncGenerator<Service, void, undefined>
  /**
   * Takes a declaration back, with its hand-made endpoints; its addresses and node ports are free again.
   * @throws RollcallError REG_SERVICE_NOT_FOUND
   */
  delete (target: Target, options?: CallOptions & { readonly dryRun?: boolean | undefined }): Promise<DeleteAnswer>
}

export interface ServicesContext {
  readonly namespace: string
  readonly request: <Body>(path: string, options: RequestOptions) => Promise<Answer<Body>>
  readonly summaries: (options: Omit<ListOptions, 'service' | 'status'>) => AsyncGenerator<ServiceSummary, void, undefined>
  readonly place: (target: Target) => { readonly service: string, readonly namespace: string }
  readonly warn: (message: string) => void
}

/** @internal */
export function servicesOf ({ namespace, request, summaries, place, warn }: ServicesContext): Services {
  const pathTo = (target: Target): string => {
    const { service, namespace } = place(target)
    return servicePath(namespace, service)
  }
  return Object.assign((options: Omit<ListOptions, 'service' | 'status'> = {}) => summaries(options), {
    apply: async (manifests: string | ManifestInput | readonly ManifestInput[], options: ApplyOptions = {}): Promise<ApplyAnswer> => {
      checkOptions('apply', options)
      const { body } = await request<ApplyAnswer>(applyPath, {
        method: 'POST',
        contentType: 'application/yaml',
        body: streamOf(manifests),
        query: { dryRun: options.dryRun === true ? true : undefined, namespace: options.namespace ?? namespace },
        signal: options.signal,
        check: applyAnswer
      })
      for (const { kind, name, warnings } of body.results) for (const text of warnings) warn(`${kind} ${name}: ${text}`)
      return body
    },
    get: async (target: Target, options: ReadOptions = {}): Promise<Service> => {
      checkOptions('read', options)
      const { minRevision, signal } = options
      return (
        await request<Service>(
          pathTo(target), { query: { view: 'manifest', minRevision }, signal, check: serviceManifest }
        )
      ).body
    },
    list: async function * (options: Omit<ListOptions, 'service' | 'status'> = {}): AsyncGenerator<Service, void, undefined> {
      for await (const { manifest } of summaries(options)) if (manifest !== undefined) yield manifest
    },
    delete: async (
      target: Target, options: CallOptions & { readonly dryRun?: boolean | undefined } = {}
    ): Promise<DeleteAnswer> => {
      checkOptions('deletion', options)
      const { dryRun, signal } = options
      const query = { dryRun: dryRun === true ? true : undefined }
      return (
        await request<DeleteAnswer>(pathTo(target), { method: 'DELETE', query, signal, check: deleteAnswer })
      ).body
    }
  })
}

/** JSON objects one behind the other are a stream, too: the numbers of documents in errors are those of the list. */
function streamOf (manifests: string | ManifestInput | readonly ManifestInput[]): string {
  if (typeof manifests === 'string') return manifests
  return (isList(manifests) ? manifests : [manifests]).map((manifest) => JSON.stringify(manifest)).join('\n')
}

/** Array.isArray does not narrow readonly arrays. */
function isList (manifests: ManifestInput | readonly ManifestInput[]): manifests is readonly ManifestInput[] {
  return Array.isArray(manifests)
}
