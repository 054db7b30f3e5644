// What access control counts.
import { Counter, Gauge, type Registry } from 'prom-client'
import { verbs } from '../model/service/types.ts'
import type { Book } from './book.ts'

export class AccessMetrics {
  readonly #denied: Counter<'verb'>
  readonly #tokens: Counter

  constructor (register: Registry) {
    this.#denied = new Counter({ name: 'rollcall_access_denied_total', help: 'Requests that no policy permits, by verb; with --access report they were let pass.', labelNames: ['verb'], registers: [register] })
    for (const verb of [...verbs, 'token']) this.#denied.inc({ verb }, 0)
    this.#tokens = new Counter({ name: 'rollcall_access_wrong_tokens_total', help: 'Requests with a token that is not known, has expired or was revoked.', registers: [register] })
  }

  denied (verb: string): void {
    this.#denied.inc({ verb })
  }

  wrongToken (): void {
    this.#tokens.inc()
  }

  observe (register: Registry, book: Book, dropped: () => number): void {
    new Gauge({ name: 'rollcall_access_tokens', help: 'Tokens of the store and of the token file.', registers: [register], collect () { this.set(book.tokens.length) } })
    new Gauge({ name: 'rollcall_access_policies', help: 'Policies.', registers: [register], collect () { this.set(book.policyCount) } })
    new Gauge({ name: 'rollcall_audit_dropped_lines', help: 'Lines of the audit file that could not be written.', registers: [register], collect () { this.set(dropped()) } })
  }
}
