// The whole list of a namespace as one text, for all who ask for the same while nothing changes: made in slices, compressed beside the loop,
// and made once however many wait for it.
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import type { Sight } from '../../registry/core.ts'
import { Slice } from '../../slice.ts'
import type { Form } from '../form/xml-text.ts'
import type { App } from './app.ts'
import type { EurekaView } from './view.ts'

const gzip = promisify(gzipCallback)
/** Half the time of the default, and some percent longer. */
const gzipLevel = 4
/** Forms of namespaces and of sights that are kept; of each the newest text. */
const maxKept = 32
/** All of them, in octets. */
const maxKeptBytes = 64 * 1024 ** 2
/** Characters that are encoded at once. */
const chunkLength = 256 * 1024

export interface Asked {
  readonly namespace: string
  readonly form: Form
  readonly isGzip: boolean
  readonly sight: Sight | undefined
}

interface Document {
  /** Of the view that it shows, or of a later one. */
  readonly version: number
  readonly bytes: Buffer
}

export class Documents {
  readonly #view: EurekaView
  readonly #kept = new Map<string, Document>()
  readonly #made = new Map<string, Promise<Document>>()

  constructor (view: EurekaView) {
    this.#view = view
  }

  /** The list as it is now, or as it is a moment later. */
  async get (asked: Asked): Promise<Buffer> {
    await this.#view.settle()
    const version = this.#view.version(asked.namespace)
    const key = `${asked.namespace} ${asked.form.media} ${asked.isGzip} ${asked.sight?.name ?? ''}`
    for (;;) {
      const kept = this.#kept.get(key)
      if (kept !== undefined && kept.version >= version) {
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

  async #make ({ namespace, form, isGzip, sight }: Asked): Promise<Document> {
    const view = this.#view
    const version = view.version(namespace)
    // Rows are never changed: what is taken here is of one moment, however long it takes to write it.
    const apps = view.apps(namespace, sight).map(({ name, rows }) => ({ name, rows }))
    const pieces = form.applications('1', view.hash(namespace, sight), texts(apps, form))
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
    return { version, bytes: isGzip ? await gzip(whole, { level: gzipLevel }) : whole }
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

function * texts (apps: readonly Pick<App, 'name' | 'rows'>[], form: Form): Generator<readonly [string, Iterable<string>]> {
  for (const { name, rows } of apps) yield [name, rowTexts(rows, form)]
}

function * rowTexts (rows: App['rows'], form: Form): Generator<string> {
  for (const row of rows) yield row.text(form)
}
