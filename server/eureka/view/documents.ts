// The whole list of a namespace, or its delta, as one text, for all who ask for the same while nothing changes: made in slices, compressed
// beside the loop, and made once however many wait for it.
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import type { Clock } from '../../clock.ts'
import type { Sight } from '../../registry/core.ts'
import { Slice } from '../../slice.ts'
import type { Form } from '../form/xml-text.ts'
import type { App } from './app.ts'
import type { RecentChange } from './recent.ts'
import type { EurekaView } from './view.ts'

const gzip = promisify(gzipCallback)
/** Half the time of the default, and some percent longer. */
const gzipLevel = 4
/** Forms of namespaces and of sights that are kept; of each the newest text. */
const maxKept = 32
/** All of them, in octets. */
const maxKeptBytes = 64 * 1024 ** 2
/** So long a delta is given again: what has become too old for it meanwhile does no harm. */
const deltaAgeMs = 30_000
/** Characters that are encoded at once. */
const chunkLength = 256 * 1024

export interface Asked {
  readonly what: 'all' | 'delta'
  readonly namespace: string
  readonly form: Form
  readonly isGzip: boolean
  readonly sight: Sight | undefined
}

interface Document {
  /** Of the view that it shows, or of a later one. */
  readonly version: number
  readonly bytes: Buffer
  readonly madeAtMs: number
}

export class Documents {
  readonly #view: EurekaView
  readonly #clock: Pick<Clock, 'now'>
  readonly #kept = new Map<string, Document>()
  readonly #made = new Map<string, Promise<Document>>()

  constructor (view: EurekaView, clock: Pick<Clock, 'now'>) {
    this.#view = view
    this.#clock = clock
  }

  /** The list as it is now, or as it is a moment later. */
  async get (asked: Asked): Promise<Buffer> {
    await this.#view.settle()
    const version = this.#view.version(asked.namespace)
    const key = `${asked.what} ${asked.namespace} ${asked.form.media} ${asked.isGzip} ${asked.sight?.name ?? ''}`
    for (;;) {
      const kept = this.#kept.get(key)
      const isFresh = asked.what === 'all' || this.#clock.now() - (kept?.madeAtMs ?? 0) < deltaAgeMs
      if (kept !== undefined && kept.version >= version && isFresh) {
        this.#keep(key, kept) // it is the newest again
        return kept.bytes
      }
      const made = await (this.#made.get(key) ?? this.#begin(key, asked)) // one that began before this was asked may be too old
      if (made.version >= version) return made.bytes
    }
  }

  #begin (key: string, asked: Asked): Promise<Document> {
    const made = this.#make(asked).then((document) => {
      this.#keep(key, document)
      return document
    }).finally(() => { this.#made.delete(key) })
    this.#made.set(key, made)
    return made
  }

  async #make ({ what, namespace, form, isGzip, sight }: Asked): Promise<Document> {
    const view = this.#view
    const version = view.version(namespace)
    const madeAtMs = this.#clock.now()
    // Rows are never changed: what is taken here is of one moment, however long it takes to write it.
    const hash = view.hash(namespace, sight)
    const pieces = what === 'all'
      ? form.applications('1', hash, listTexts(view.apps(namespace, sight).map(({ name, rows }) => ({ name, rows })), form))
      : form.applications(String(version), hash, deltaTexts(view.recent(namespace, sight), form))
    const slice = new Slice()
    const chunks: Buffer[] = []
    let chunk = ''
    for (const piece of pieces) {
      chunk += piece
      if (chunk.length >= chunkLength) {
        chunks.push(Buffer.from(chunk))
        chunk = ''
      }
      if (slice.isOver()) await slice.next()
    }
    chunks.push(Buffer.from(chunk))
    const whole = Buffer.concat(chunks)
    return { version, madeAtMs, bytes: isGzip ? await gzip(whole, { level: gzipLevel }) : whole }
  }

  #keep (key: string, document: Document): void {
    this.#kept.delete(key)
    this.#kept.set(key, document)
    let bytes = [...this.#kept.values()].reduce((sum, kept) => sum + kept.bytes.length, 0)
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= maxKept && bytes <= maxKeptBytes) break
      this.#kept.delete(oldest)
      bytes -= kept.bytes.length
    }
  }
}

function * listTexts (apps: readonly Pick<App, 'name' | 'rows'>[], form: Form): Generator<readonly [string, Iterable<string>]> {
  for (const { name, rows } of apps) yield [name, rowTexts(rows, form)]
}

function * rowTexts (rows: App['rows'], form: Form): Generator<string> {
  for (const row of rows) yield row.text(form)
}

function * deltaTexts (changes: readonly RecentChange[], form: Form): Generator<readonly [string, Iterable<string>]> {
  for (const [name, own] of Map.groupBy(changes, ({ app }) => app.name)) yield [name, changeTexts(own, form)]
}

function * changeTexts (changes: readonly RecentChange[], form: Form): Generator<string> {
  for (const { row, action } of changes) yield form.instance(row.info, action)
}
