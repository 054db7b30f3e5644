// One subscription of a watch of the test registry: the frames that it gets, in either view.
import { answered } from '../rules.ts'
import type { ClientFrame, Instance, ServerFrame, ServiceEndpoints } from '../wire.ts'
import { keyOf, type Book, type Change } from './book.ts'
import { selectsAny } from './selector.ts'

export type Scope = Omit<Extract<ClientFrame, { type: 'subscribe' }>, 'type' | 'id' | 'since'>

export class TestSubscription {
  readonly #book: Book
  readonly #id: number
  readonly #scope: Scope
  readonly #deliver: (frame: ServerFrame) => void
  /** Keys of the instances that were sent, in the view of instances. */
  readonly #seen = new Set<string>()
  /** The last text that was sent of each service, in the view of endpoints. */
  readonly #told = new Map<string, string>()

  constructor (book: Book, id: number, scope: Scope, deliver: (frame: ServerFrame) => void) {
    this.#book = book
    this.#id = id
    this.#scope = scope
    this.#deliver = deliver
  }

  begin (since: string | undefined): void {
    const missed = since === undefined ? undefined : this.#book.since(since)
    if (since !== undefined && missed === undefined) this.#reset(`the cursor ${since} is of another epoch, or too old`)
    if (missed === undefined) return this.#snapshot()
    // What it had seen at its cursor is not known here: a put that does not match any more is sent as a delete.
    for (const instance of [
      ...this.#book.instances, ...missed.flatMap((change) => (change.kind === 'instance' ? [change.instance] : []))
    ]) this.#seen.add(keyOf(instance))
    if (this.#scope.view === 'endpoints') {
      const changed = new Set(missed.map(({ revision }) => revision))
      for (const service of this.#services()) if (!changed.has(service.revision)) this.#told.set(nameOf(service), JSON.stringify(service))
      for (const change of missed) {
        const { namespace, service } = change.kind === 'instance' ? change.instance : {
          namespace: change.service.metadata.namespace, service: change.service.metadata.name
        }
        if (this.#inScope(namespace, service) && !this.#told.has(`${namespace}/${service}`)) this.#told.set(`${namespace}/${service}`, '')
      }
      this.#differences()
    } else {
      for (const change of missed) this.change(change)
    }
    this.bookmark()
  }

  bookmark (): void {
    this.#deliver({ type: 'bookmark', id: this.#id, revision: this.#book.cursor })
  }

  change (change: Change): void {
    if (this.#scope.view === 'endpoints') return this.#differences()
    if (change.kind === 'service') return this.#serviceChange(change)
    const { instance } = change
    const key = keyOf(instance)
    if (change.event === 'put' && this.#holds(instance)) {
      this.#seen.add(key)
      this.#deliver({ ...change, id: this.#id })
    } else if (this.#seen.delete(key)) {
      // Removed, or no longer what was asked for; of a resumed one also what it may never have seen.
      if (this.#scope.namespace === undefined || this.#scope.namespace === instance.namespace) this.#deliver({
        ...change, id: this.#id, event: 'delete'
      })
    }
  }

  #serviceChange (change: Extract<Change, { kind: 'service' }>): void {
    const { namespace, name } = change.service.metadata
    if (this.#scope.namespace !== undefined && this.#scope.namespace !== namespace) return
    if (this.#scope.service === undefined) return this.#deliver({ ...change, id: this.#id })
    if (this.#scope.service !== name) return
    this.#reset('the service means other instances now')
    this.#snapshot()
  }

  #snapshot (): void {
    const base = { type: 'snapshot', id: this.#id, revision: this.#book.cursor } as const
    if (this.#scope.view === 'endpoints') {
      const endpoints = this.#services()
      for (const service of endpoints) this.#told.set(nameOf(service), JSON.stringify(service))
      return this.#deliver({ ...base, endpoints })
    }
    const instances = this.#book.instances.filter((instance) => this.#holds(instance))
    for (const instance of instances) this.#seen.add(keyOf(instance))
    const services = this.#book.services.filter(({ metadata }) => this.#inScope(metadata.namespace, metadata.name))
    this.#deliver({ ...base, instances, ...(services.length === 0 ? {} : { services }) })
  }

  #reset (reason: string): void {
    this.#seen.clear()
    this.#told.clear()
    this.#deliver({ type: 'reset', id: this.#id, revision: this.#book.cursor, reason })
  }

  /** Each service whole, if it differs from what was sent. */
  #differences (): void {
    const at = this.#book.time()
    const base = { type: 'change', id: this.#id, revision: this.#book.cursor, kind: 'endpoints', at } as const
    const now = this.#services()
    for (const endpoints of now) {
      const text = JSON.stringify(endpoints)
      if (this.#told.get(nameOf(endpoints)) === text) continue
      this.#told.set(nameOf(endpoints), text)
      this.#deliver({ ...base, event: 'put', endpoints })
    }
    for (const key of this.#told.keys()) {
      if (now.some((each) => nameOf(each) === key)) continue
      this.#told.delete(key)
      const [namespace = '', service = ''] = key.split('/')
      this.#deliver({ ...base, event: 'delete', endpoints: { namespace, service } })
    }
  }

  #services (): ServiceEndpoints[] {
    const { selector } = this.#scope
    return this.#book.names().filter(
      ({ namespace, service }) => this.#inScope(namespace, service)
    ).map(({ namespace, service }) => {
      const all = this.#book.endpoints(namespace, service) ?? []
      const manifest = this.#book.declared(namespace, service)
      return {
        namespace, service, revision: this.#book.cursorOfService(namespace, service), failOpen: answered(all).failOpen,
        ...(manifest === undefined ? {} : { declared: true as const, manifest }), endpoints: all.filter(
          (endpoint) => selectsAny(selector, endpoint.labels, endpoint.service ?? service)
        )
      }
    })
  }

  #inScope (namespace: string, service: string): boolean {
    return (this.#scope.namespace ?? namespace) === namespace && (this.#scope.service ?? service) === service
  }

  #holds (instance: Instance): boolean {
    const { namespace, service, selector } = this.#scope
    return (namespace === undefined || instance.namespace === namespace) && selectsAny(
      selector, instance.labels, instance.service
    ) &&
      (service === undefined || this.#book.isOf(instance, instance.namespace, service))
  }
}

function nameOf ({ namespace, service }: ServiceEndpoints): string {
  return `${namespace}/${service}`
}
