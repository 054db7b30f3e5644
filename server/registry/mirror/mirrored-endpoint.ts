// An endpoint as a mirror keeps it: what is its own in fields, what many have alike in one object or text for all.
// A hundred octets or so, with its id and address, where the plain object takes several hundred.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { EndpointRow } from './mirror-messages.ts'

/** The service that has an endpoint. */
export interface Owner {
  readonly namespace: string
  readonly name: string
  /** Its answered endpoints with an id. */
  answered (id: string): readonly Endpoint[]
}

/** What every answer is made of. Few of an endpoint's neighbours differ in it. */
type EndpointCore = Pick<Endpoint, 'ports' | 'weight' | 'priority' | 'zone' | 'status' | 'suspect' | 'conditions'> & {
  /** Of the instance's lease; absent = it was made by hand. */
  readonly ttlMs?: number
}

/** What only tags and DNS-SD ask for. It stays a text until they do: labels and metadata may be unlike in each endpoint. */
type EndpointTexts = Pick<Endpoint, 'labels' | 'metadata' | 'region' | 'node' | 'version'>

/** Distinct cores, texts and names that are kept for sharing. Beyond it all are forgotten and begin anew: sharing is an economy. */
const maxParts = 20_000
/** Longer texts are one of a kind. */
const maxSharedLength = 1_024

export function rowOf (endpoint: Endpoint, ttlMs: number | undefined): EndpointRow {
  const { id, address, hostname, service, ports, weight, priority, zone, status, suspect, conditions, labels, metadata, region, node, version } = endpoint
  const core: EndpointCore = {
    ports, weight, priority, ...(zone === undefined ? {} : { zone }), status, suspect, conditions, ...(ttlMs === undefined ? {} : { ttlMs })
  }
  // `undefined` is no JSON: such a field is left out.
  return [id, address, hostname, service, JSON.stringify(core), JSON.stringify({ labels, metadata, region, node, version })]
}

export class MirroredEndpoint implements Endpoint {
  readonly id: string
  readonly address: string
  /** Whose endpoint it is. */
  readonly owner: Owner
  readonly core: EndpointCore
  readonly #texts: string
  /** Its hostname, and the service that its instance registered under: most endpoints have neither. */
  readonly #names: { readonly hostname: string | undefined, readonly service: string | undefined } | undefined
  /** Declared services that select this instance: one, or several. */
  selectedBy: Owner | Owner[] | undefined = undefined

  constructor ([id, address, hostname, service]: EndpointRow, core: EndpointCore, texts: string, owner: Owner) {
    this.id = id
    this.address = address
    this.owner = owner
    this.core = core
    this.#texts = texts
    this.#names = hostname === undefined && service === undefined ? undefined : { hostname, service }
  }

  /** The service that its instance registered under, if that is not its owner. */
  get registeredAs (): string | undefined { return this.#names?.service }

  // What an endpoint may lack is undefined here.
  get hostname (): string { return this.#names?.hostname as string }
  get service (): string { return this.#names?.service as string }
  get ports (): Endpoint['ports'] { return this.core.ports }
  get weight (): number { return this.core.weight }
  get priority (): number { return this.core.priority }
  get zone (): string { return this.core.zone as string }
  get status (): Endpoint['status'] { return this.core.status }
  get suspect (): boolean { return this.core.suspect }
  get conditions (): Endpoint['conditions'] { return this.core.conditions }
  get labels (): Endpoint['labels'] { return this.#parsed.labels }
  get metadata (): Endpoint['metadata'] { return this.#parsed.metadata }
  get region (): string { return this.#parsed.region as string }
  get node (): string { return this.#parsed.node as string }
  get version (): string { return this.#parsed.version as string }

  get #parsed (): EndpointTexts {
    return JSON.parse(this.#texts) as EndpointTexts // `rowOf` wrote it
  }

  /** The declared services that select this instance. */
  * selecting (): Generator<Owner> {
    if (Array.isArray(this.selectedBy)) yield * this.selectedBy
    else if (this.selectedBy !== undefined) yield this.selectedBy
  }

  selected (service: Owner): void {
    const others = [...this.selecting()].filter((each) => each !== service)
    this.selectedBy = others.length === 0 ? service : [...others, service]
  }

  deselected (service: Owner): void {
    const others = [...this.selecting()].filter((each) => each !== service)
    this.selectedBy = others.length > 1 ? others : others[0]
  }
}

/** Makes endpoints of rows, and shares what they have alike. */
export class EndpointReader {
  readonly #cores = new Map<string, EndpointCore>()
  readonly #texts = new Map<string, string>()

  endpoint (row: EndpointRow, owner: Owner): MirroredEndpoint {
    const [id, address, hostname, service, core, texts] = row
    const named: EndpointRow = [id, address, hostname, service === undefined ? undefined : this.text(service), core, texts]
    return new MirroredEndpoint(named, this.#core(core), this.text(texts), owner)
  }

  /** The same text for equal ones. */
  text (text: string): string {
    return kept(this.#texts, text, () => text)
  }

  #core (text: string): EndpointCore {
    return kept(this.#cores, text, () => JSON.parse(text) as EndpointCore) // `rowOf` wrote it
  }
}

function kept<Part> (parts: Map<string, Part>, text: string, make: () => Part): Part {
  const known = parts.get(text)
  if (known !== undefined) return known
  const part = make()
  if (text.length > maxSharedLength) return part
  if (parts.size >= maxParts) parts.clear()
  parts.set(text, part)
  return part
}
