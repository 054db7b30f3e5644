// The routes described by the schemas that check them, of each dialect that wants it: OpenAPI 3.1. Where it is served: api/docs.ts.
//
// The document is made when it is asked for first, by a thread (openapi-thread.ts): that takes a tenth of a second, in which nobody else would
// be answered, and its library is not loaded here.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FastifyInstance, RouteOptions } from 'fastify'
import type { Dialect } from './dialect.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The document as JSON, made once. */
    openapi (): Promise<string>
  }
}

/** A route, as far as it is described. */
export interface DescribedRoute {
  readonly method: string | readonly string[]
  readonly url: string
  readonly schema: object
}

/** What the thread is given: JSON, since schemas have more in them than can be sent. */
export interface Described {
  readonly version: string
  readonly tags: readonly { readonly name: string, readonly description: string }[]
  readonly components: readonly (readonly [name: string, schema: object])[]
  readonly routes: readonly DescribedRoute[]
}

const program = new URL('../../../bin/openapi-thread.js', import.meta.url)

/** Before the routes that it shall describe. */
export function registerOpenapi (app: FastifyInstance, version: string, dialects: readonly Dialect[]): void {
  const parts = dialects.flatMap(({ inOpenApi }) => (inOpenApi === false ? [] : [inOpenApi]))
  const components = [...new Map(parts.flatMap((part) => [...part.components]))]
  for (const [name, schema] of components) app.addSchema({ ...(JSON.parse(JSON.stringify(schema)) as object), $id: name })
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => { if (route.method !== 'HEAD') routes.push(route) })
  let document: Promise<string> | undefined
  app.decorate('openapi', () => document ??= describe({
    version, components, tags: parts.flatMap(({ tags }) => tags),
    // A scope may hide its routes after they were noted.
    routes: routes.flatMap(({ method, url, schema }) => (schema === undefined || schema.hide === true ? [] : [{ method, url, schema }]))
  }).catch((error: unknown) => {
    document = undefined // the next one who asks tries again
    throw error
  }))
}

async function describe (described: Described): Promise<string> {
  const thread = new Worker(program, { workerData: JSON.stringify(described), name: 'openapi' })
  // One that dies without a word rejects, or ends.
  const [told] = await Promise.race([once(thread, 'message'), once(thread, 'exit')]) as [string | number]
  if (typeof told === 'number') throw new Error(`the thread that describes the API ended with exit code ${told}`)
  return told
}
