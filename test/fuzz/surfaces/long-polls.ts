// Long polls that are begun at one look and must have been answered at the next, if the service changed.
import type { Comparison } from './comparison.ts'
import type { Cursors } from './cursors.ts'
import type { Model } from './model.ts'
import { serviceOf } from './model-endpoints.ts'
import { contentOf } from './rest-surface.ts'
import { ask, isInTime, serviceUrl } from './rest-client.ts'

interface Poll {
  readonly namespace: string
  readonly name: string
  readonly content: string
  readonly url: string
  readonly give: AbortController
  /** Ended without an answer of the service: the node went. */
  cut: boolean
  readonly answered: Promise<void>
}

export class LongPolls {
  readonly #polls: Poll[] = []

  begin (url: string, model: Model, cursors: Cursors): void {
    for (const namespace of model.namespaces) {
      for (const name of model.services(namespace)) {
        const service = serviceOf(model, namespace, name)
        const told = cursors.before(`endpoints of ${namespace}/${name}`)
        if (service === undefined || told === undefined) continue
        const give = new AbortController()
        const path = `${serviceUrl(namespace, name)}/endpoints?after=${told.revision}&wait=60s`
        const poll: Poll = {
          namespace, name, url, content: contentOf(service), give, cut: false,
          answered: ask(url, 'GET', path, undefined, {}, give.signal).then(
            ({ status }) => { poll.cut = status === 503 }, () => { poll.cut = true }
          )
        }
        this.#polls.push(poll)
      }
    }
  }

  async end (model: Model, comparison: Comparison): Promise<void> {
    for (const poll of this.#polls.splice(0)) {
      const { namespace, name, content, give, answered } = poll
      const service = serviceOf(model, namespace, name)
      const hasChanged = service === undefined || contentOf(service) !== content
      if (hasChanged) {
        const isAnswered = await isInTime(answered)
        if (!poll.cut) {
          comparison.same(
            'rest', `a long poll of ${namespace}/${name} that changed`, isAnswered ? 'answered' : 'it sleeps', 'answered'
          )
        }
      }
      give.abort()
      await answered
    }
  }
}
