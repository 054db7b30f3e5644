// What `get` asks for, and how it shows it: the shape that each kind fills in.
import type { Api } from './api.ts'
import type { Column } from './table.ts'

/** What `get` was asked for. */
export interface Request {
  readonly api: Api
  /** undefined = all of them */
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly selector: string | undefined
  readonly status: string | undefined
  readonly ready: string | undefined
}

export interface ServiceName {
  readonly namespace: string
  readonly service: string
}

/** One kind of thing: how it is fetched, shown and named. */
export interface Kind<Row> {
  readonly name: string
  readonly aliases: readonly string[]
  /** Filters that mean something for it. */
  readonly filters: readonly string[]
  readonly columns: (place: { allNamespaces: boolean, now: () => number, wide: boolean }) => readonly Column<Row>[]
  readonly id: (row: Row) => string
  /** What of a row is worth another line with -w, if not all of it. */
  readonly essence?: (row: Row) => object
  /** What -o yaml shows of one that is named, where that is not the answer of `fetch`. */
  readonly manifest?: (request: Request, name: string) => Promise<unknown>
  /** Has no namespace. */
  readonly global?: boolean
  /** `answer` is what -o json shows: the registry's own words. */
  readonly fetch: (request: Request) => Promise<{ rows: Row[], answer: unknown }>
  /** What a change of an instance, or of a declared service, means for the list: the rows to print. Absent: it cannot be watched. */
  readonly changed?: (request: Request, changed: ServiceName) => Promise<Row[]>
  /** True if a row is this service's own: when the service is gone, the row is printed once more, with the reason. */
  readonly isAbout?: (row: Row, name: ServiceName) => boolean
}
