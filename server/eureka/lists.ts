// What Eureka's clients read: everything, what changed lately, one application, one instance, those behind a vip.
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import type { Access } from '../registry/core.ts'
import { Slice } from '../slice.ts'
import { formOf, isWorthGzip, sendForm, takesGzip } from './answers.ts'
import type { Form } from './form/xml-text.ts'
import { idOf, serviceOf } from './form/names.ts'
import type { App } from './view/app.ts'
import { Documents } from './view/documents.ts'
import type { Row } from './view/row.ts'
import type { EurekaView } from './view/view.ts'
import type { Asked } from './path.ts'

const gzip = promisify(gzipCallback)

export interface Reading {
  readonly access: Access
  readonly namespace: string
  readonly asked: Asked
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export class Lists {
  readonly #view: EurekaView
  readonly #documents: Documents

  constructor (view: EurekaView, clock: Pick<Clock, 'now'>) {
    this.#view = view
    this.#documents = new Documents(view, clock)
  }

  /** Everything that is seen. `regions` adds those of other regions: there are none. */
  all (reading: Reading): Promise<FastifyReply> {
    return this.#document('all', reading)
  }

  /**
   * What changed lately, each instance once, as it is now. The hash counts everything, not only this: a client whose own count is another
   * one has missed something, and asks for everything.
   */
  delta (reading: Reading): Promise<FastifyReply> {
    return this.#document('delta', reading)
  }

  async app ({ access, namespace, asked, request, reply }: Reading): Promise<FastifyReply> {
    const app = await this.#app(access, namespace, 'name' in asked ? asked.name : '')
    if (app === undefined) throw nothing('application')
    const form = formOf(request)
    return this.#send(request, reply, form, form.application(app.name, await textsOf(app.rows, form)))
  }

  async member ({ access, namespace, asked, request, reply }: Reading): Promise<FastifyReply> {
    if (asked.what !== 'member') throw nothing('instance')
    const app = await this.#app(access, namespace, asked.app)
    const row = app === undefined ? undefined : rowOf(app, asked.id)
    if (row === undefined) throw nothing('instance')
    const form = formOf(request)
    return sendForm(reply, form, form.whole(row.text(form)))
  }

  /** Whatever its application: the first one of this id. */
  async instance ({ access, namespace, asked, request, reply }: Reading): Promise<FastifyReply> {
    access.permitWatch({ namespace })
    await this.#view.settle()
    const name = 'name' in asked ? asked.name : ''
    for (const app of this.#view.apps(namespace, access.sight)) {
      const row = rowOf(app, name)
      if (row === undefined) continue
      const form = formOf(request)
      return sendForm(reply, form, form.whole(row.text(form)))
    }
    throw nothing('instance')
  }

  /** Those of a (secure) virtual address, in any case; each instance may have several, between commas. Nobody is no error. */
  async vip ({ access, namespace, asked, request, reply }: Reading): Promise<FastifyReply> {
    access.permitWatch({ namespace })
    await this.#view.settle()
    const wanted = ('name' in asked ? asked.name : '').toLowerCase()
    const field = asked.what === 'svip' ? 'secureVipAddress' : 'vipAddress'
    const form = formOf(request)
    const counts = new Map<string, number>()
    const texts: [string, string[]][] = []
    const slice = new Slice()
    // Each list of rows is taken as it stands; it may be long.
    for (const { name, rows } of this.#view.apps(namespace, access.sight).map((app) => ({ name: app.name, rows: app.rows }))) {
      const fitting: Row[] = []
      for (const row of rows) {
        if (row.vips(field).includes(wanted)) fitting.push(row)
        if (slice.isOver()) await slice.next()
      }
      if (fitting.length > 0) texts.push([name, await textsOf(fitting, form)])
      for (const { status } of fitting) counts.set(status, (counts.get(status) ?? 0) + 1)
    }
    const hash = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${status}_${count}_`).join('')
    return this.#send(request, reply, form, [...form.applications('1', hash, texts)].join(''))
  }

  /** For the page. */
  rows (access: Access, namespace: string): readonly App[] {
    return this.#view.apps(namespace, access.sight)
  }

  async #document (what: 'all' | 'delta', { access, namespace, request, reply }: Reading): Promise<FastifyReply> {
    access.permitWatch({ namespace })
    const form = formOf(request)
    const isGzip = takesGzip(request)
    const bytes = await this.#documents.get({ what, namespace, form, isGzip, sight: access.sight })
    if (isGzip) void reply.header('content-encoding', 'gzip')
    return reply.header('vary', 'accept, accept-encoding').type(form.media).send(bytes)
  }

  /** @throws RegistryError REG_FORBIDDEN and the like, for what may not be read */
  async #app (access: Access, namespace: string, name: string): Promise<App | undefined> {
    const service = serviceOf(name)
    if (service === undefined) return undefined
    access.permitWatch({ namespace, service })
    await this.#view.settle()
    return this.#view.app(namespace, service)
  }

  async #send (request: FastifyRequest, reply: FastifyReply, form: Form, text: string): Promise<FastifyReply> {
    void reply.header('vary', 'accept, accept-encoding')
    if (!isWorthGzip(text.length) || !takesGzip(request)) return sendForm(reply, form, text)
    return reply.header('content-encoding', 'gzip').type(form.media).send(await gzip(text))
  }
}

function rowOf (app: App, instanceId: string): Row | undefined {
  const id = idOf(instanceId)
  return (id === undefined ? undefined : app.get(id)) ?? app.get(instanceId) ?? (instanceId.includes('/') ? app.rows.find(({ info }) => info.instanceId === instanceId) : undefined)
}

/** Of thousands of rows that nobody asked for before they take a while. */
async function textsOf (rows: readonly Row[], form: Form): Promise<string[]> {
  const slice = new Slice()
  const texts: string[] = []
  for (const row of rows) {
    texts.push(row.text(form))
    if (slice.isOver()) await slice.next()
  }
  return texts
}

function nothing (what: 'application' | 'instance'): RegistryError {
  return new RegistryError(what === 'application' ? 'REG_SERVICE_NOT_FOUND' : 'REG_INSTANCE_NOT_FOUND', `there is no such ${what}`)
}
