// The service `kubernetes` in `default`, by which programs of that world find the API: it is there while a node answers it. Each such node is an
// instance of it, with a lease that the node keeps itself; so a node that dies is out of it like every other dead instance.
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import type { Access } from '../registry/core.ts'
import { found } from './sources/found.ts'
import { defaultNamespace, ownName } from './own-name.ts'

/** Says that the registry declared it: what somebody else declared under the name is left as it is. */
const ownLabels = { component: 'apiserver', provider: 'kubernetes' }
/** For `rollcall kubeconfig`: the scheme and, for its certificate, the name that the address alone does not tell. */
const urlKey = 'rollcall.dev/kubernetes-url'
const ttlMs = 30_000
const beatMs = 10_000
/** The port of the service, as in Kubernetes. */
const servicePort = 443

export interface OwnServiceOptions {
  /** As the node itself has it. */
  readonly core: Access
  readonly clock: Clock
  /** The name of this node. */
  readonly node: string
  /** Where this node answers. */
  readonly address: string
  /** The same as clients reach it: `https://registry.example:7443`. */
  readonly url: string
  readonly port: number
  /** The first address of the range of cluster IPs, which is the one that clients expect. */
  readonly clusterIp: string | undefined
  readonly warn: (message: string) => void
}

export class OwnService {
  readonly #options: OwnServiceOptions
  readonly #name: { readonly namespace: string, readonly service: string, readonly id: string }
  #generation = ''
  #cancel: (() => void) | undefined
  #work: Promise<void> = Promise.resolve()
  #isClosed = false
  #isFailing = false

  constructor (options: OwnServiceOptions) {
    this.#options = options
    this.#name = { namespace: defaultNamespace, service: ownName, id: options.node }
  }

  /** Resolves after the first try; never rejects. What failed is tried again. */
  async start (): Promise<void> {
    await this.#round()
  }

  /** Takes this node out of it; the last one takes the service back. Never rejects. */
  close (): Promise<void> {
    if (this.#isClosed) return this.#work
    this.#isClosed = true
    this.#cancel?.()
    this.#work = this.#work.then(() => this.#leave()).catch(() => undefined) // the lease ends it then
    return this.#work
  }

  async #round (): Promise<void> {
    this.#work = this.#keep()
    await this.#work
    if (!this.#isClosed) this.#cancel = this.#options.clock.after(beatMs, () => this.#round())
  }

  async #keep (): Promise<void> {
    try {
      await this.#declare()
      await this.#beat()
      this.#isFailing = false
    } catch (error) {
      if (this.#isFailing || this.#isClosed) return
      this.#isFailing = true
      this.#options.warn(`the service ${ownName} in ${defaultNamespace} cannot be kept, and is tried again: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #declare (): Promise<void> {
    const { core, clusterIp } = this.#options
    const declared = found(() => core.service(defaultNamespace, ownName))?.manifest
    if (declared !== undefined) return // it has its address, and somebody else's is his
    const put = (address: string | undefined): Promise<unknown> => core.put({ kind: 'Service', namespace: defaultNamespace, name: ownName }, {
      apiVersion: 'v1', kind: 'Service',
      metadata: { name: ownName, namespace: defaultNamespace, labels: ownLabels },
      spec: {
        type: 'ClusterIP', selector: { 'rollcall.dev/service': ownName }, ports: [{ name: 'https', port: servicePort, protocol: 'TCP', targetPort: 'https' }],
        ...(address === undefined ? {} : { clusterIP: address })
      }
    })
    try {
      await put(clusterIp)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_MANIFEST_INVALID') throw error
      await put(undefined) // another service has that address: any other will do
    }
  }

  async #beat (): Promise<void> {
    const { core, address, port, url } = this.#options
    if (this.#generation !== '') {
      const { renewed } = await core.heartbeat([{ ...this.#name, generation: this.#generation }])
      if (renewed === 1) return
    }
    const { instance } = await core.register(this.#name, { address, ports: [{ name: 'https', port, protocol: 'TCP' }], metadata: { [urlKey]: url }, lease: { ttlMs } })
    this.#generation = instance.generation
  }

  async #leave (): Promise<void> {
    const { core } = this.#options
    if (this.#generation !== '') await core.deregister(this.#name, this.#generation)
    await removeLeft(core)
  }
}

/** Takes the service back where nobody answers it any more: a node that was killed could not. */
export async function removeLeft (core: Access): Promise<void> {
  const view = found(() => core.service(defaultNamespace, ownName))
  if (view === undefined || view.counts.total > 0 || view.manifest?.metadata.labels?.['provider'] !== ownLabels.provider) return
  await core.delete([{ kind: 'Service', namespace: defaultNamespace, name: ownName }], { ignoreMissing: true })
}
