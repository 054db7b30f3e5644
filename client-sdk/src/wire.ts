// The words that travel between a registry and its clients, as types. The server's schemas are checked against them.
// Times are ISO 8601 in UTC, durations carry their unit (`ttlMs`), cursors are `epoch.revision` texts.
export type * from './wire/instance.ts'
export type * from './wire/heartbeat.ts'
export type * from './wire/endpoint.ts'
export type * from './wire/lists.ts'
export type * from './wire/event.ts'
export type * from './wire/overview.ts'
export type * from './wire/problem.ts'
export type * from './wire/frames.ts'
export type * from './wire/manifest-calls.ts'
export type * from './wire/explanation.ts'
export type * from './wire/pool.ts'
export type * from './wire/access.ts'
export type * from './wire/ingress.ts'

/** Every instance carries this label implicitly; its value is the service it registered under. */
export const serviceLabel = 'rollcall.dev/service'
