// What `get` asks for, and how it shows it: the shape that each kind fills in.
import type { Instance, ServiceEndpoints, DeclaredObject, ObjectsView } from '../../client-sdk/src/wire.ts'
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
  /** Of events: the instance that they are about. */
  readonly id: string | undefined
  readonly now: () => number
  /** More columns are shown. */
  readonly wide: boolean
}

export interface ServiceName {
  readonly namespace: string
  readonly service: string
}

/** Rows that are instances of one service, each by itself. */
export interface FollowInstances<Row> {
  readonly of: ServiceName
  /** Gives what makes a row of an instance; `gone` is why it is not there any more. */
  readonly rowOf: () => Promise<(instance: Instance & { readonly gone?: string }) => Row>
}

/** By whole services, of which each change means these rows. */
export interface FollowServices<Row> {
  /** The rows of one service as it is now. */
  readonly rowsOf: (request: Request, name: ServiceName) => Promise<Row[]>
  /**
   * The same of what the watch told of it, so that nothing need be asked for; undefined = that does not say it. What is the same as
   * before is the same object.
   */
  readonly rowsOfTold?: (request: Request, told: ServiceEndpoints) => Row[] | undefined
  readonly isOf: (row: Row, name: ServiceName) => boolean
  /** What is said of a row that is not there any more. */
  readonly gone: string
}

/** By a watch of declared objects. */
export interface FollowObjects {
  readonly view: ObjectsView
  readonly kind: DeclaredObject['kind']
}

/** By instances one by one, by the log of events, by the instances of one service, or by whole services. */
export type Follow<Row> = 'instances' | 'events' | FollowInstances<Row> | FollowObjects | FollowServices<Row>

/** One kind of thing: how it is fetched, shown and named. */
export interface Kind<Row> {
  readonly name: string
  readonly aliases: readonly string[]
  /** Filters that mean something for it. */
  readonly filters: readonly string[]
  readonly columns: (place: { allNamespaces: boolean, now: () => number, wide: boolean }) => readonly Column<Row>[]
  /** As other commands take it; undefined = it has no name. */
  readonly id: (row: Row) => string | undefined
  /** What of a row is worth another line with -w, if not all of it. */
  readonly essence?: (row: Row) => object
  /** What -w shows of a row with -o json, if not itself. */
  readonly told?: (row: Row) => object
  /** What -o yaml shows of one that is named, where that is not the answer of `fetch`. */
  readonly manifest?: (request: Request, name: string) => Promise<unknown>
  /** Has no namespace. */
  readonly global?: boolean
  /** `answer` is what -o json shows: the registry's own words. */
  readonly fetch: (request: Request) => Promise<{ rows: Row[], answer: unknown }>
  /** How `-w` follows it. Absent: it cannot be watched. */
  readonly follow?: Follow<Row>
}
