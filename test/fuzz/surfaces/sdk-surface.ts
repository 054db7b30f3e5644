// The SDK: a client that lives as long as the run, through restarts of the node that it asks.
import { setImmediate } from 'node:timers/promises'
import { Rollcall } from '../../../client-sdk/src/index.ts'
import { type Comparison, ordered } from './comparison.ts'
import type { Model } from './model.ts'
import { type ModelService, serviceOf, servicesOf } from './model-endpoints.ts'
import { meantSummary, summary } from './rest-surface.ts'
import { patienceMs } from './rest-client.ts'
import { saidEndpoint, saidInstance, saidManifest } from './shapes.ts'

const surface = 'sdk'
/** What an outage may make a client wait is a hundredth here. */
const haste = 0.01

export class SdkSurface {
  readonly #client: Rollcall
  readonly #errors: string[] = []
  #told = new Map<string, any>()

  constructor (url: string) {
    this.#client = new Rollcall({
      address: url, signals: false, warn: null, random: () => haste,
      onEvent: (event) => { if (event.type === 'error') this.#errors.push(String(event.error)) }
    })
    void this.#follow()
  }

  async #follow (): Promise<void> {
    try {
      for await (const event of this.#client.watch({ view: 'endpoints', namespace: '*' })) {
        if (event.type === 'endpoints-snapshot') this.#told = new Map(event.services.map((each) => [keyOf(each), each]))
        else if (event.type === 'endpoints') this.#told.set(keyOf(event.endpoints), event.endpoints)
        else if (event.type === 'endpoints-gone') this.#told.delete(keyOf(event))
      }
    } catch (error) {
      this.#errors.push(String(error))
    }
  }

  async look (model: Model, comparison: Comparison): Promise<void> {
    const services = servicesOf(model)
    const instances = []
    for await (const each of this.#client.instances({ namespace: '*', pageSize: 4 })) instances.push(saidInstance(each))
    comparison.same(surface, 'instances', instances, model.list())
    const summaries = []
    for await (const each of this.#client.services({ namespace: '*' })) summaries.push(summary(each))
    comparison.same(surface, 'services', summaries, services.map(meantSummary))
    const said = async (): Promise<object[]> => [...this.#told.values()].map((
      { namespace, service, failOpen, manifest, endpoints }
    ) => (
      { namespace, service, failOpen, manifest: saidManifest(manifest), endpoints: endpoints.map(saidEndpoint) }
    ))
    const meant = services.map(
      ({ namespace, name, failOpen, manifest, all }) => (
        { namespace, service: name, failOpen, manifest: saidManifest(manifest), endpoints: all }
      )
    )
    await this.#becomes(comparison, 'watch of endpoints', said, meant)
    for (const namespace of ['shop', 'default']) {
      for (const service of ['web', 'alpha', 'blue']) {
        const resolved = async (): Promise<string[]> => (await this.#client.resolveAll({ namespace, service })).map(
          ({ instance }) => nameOf(instance)
        )
        await this.#becomes(comparison, `resolveAll ${namespace}/${service}`, resolved, callable(serviceOf(model, namespace, service)))
      }
    }
    comparison.same(surface, 'errors', this.#errors.splice(0), [])
  }

  close (): Promise<void> {
    return this.#client.close()
  }

  /** A client that follows learns of what was written a moment later. */
  async #becomes (
    comparison: Comparison, about: string, say: () => Promise<readonly unknown[]>, meant: readonly unknown[]
  ): Promise<void> {
    const wanted = JSON.stringify(ordered(meant))
    const late = AbortSignal.timeout(patienceMs)
    let said = await say()
    while (JSON.stringify(ordered(said)) !== wanted && !late.aborted) {
      await setImmediate()
      said = await say()
    }
    comparison.sameSet(surface, about, said, meant)
  }
}

function keyOf ({ namespace, service }: { readonly namespace: string, readonly service: string }): string {
  return `${namespace}/${service}`
}

function nameOf ({ service, id }: { readonly service?: string | undefined, readonly id: string }): string {
  return service === undefined ? id : `${service}/${id}`
}

/** To call somebody takes a port. */
function callable (service: ModelService | undefined): string[] {
  return (service?.answered ?? []).filter(({ ports }) => ports.length > 0).map(nameOf)
}
