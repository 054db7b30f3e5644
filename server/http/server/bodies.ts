// Bodies as bytes: read no further than their limit, and together no more than all clients may send at once. Every parser of every
// dialect reads through here, so that none of them can be filled by a client that never ends.
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RegistryError, invalid } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import { clientKey, type Share } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { smallBodyBytes } from './limits.ts'
import type { Worker } from './turns.ts'

type Done = (error: Error | null, body?: unknown) => void

/** Makes a body of its bytes. @throws RegistryError for what cannot be read */
export type BodyParser = (bytes: Buffer, request: FastifyRequest) => unknown

export interface BodiesOptions {
  readonly commons: Commons
  readonly guard: Guard
  readonly workerOf: (request: IncomingMessage) => Worker
  readonly addressOf: (request: FastifyRequest) => string
  readonly isUrgent: (request: IncomingMessage) => boolean
}

/** A body that may have come along with the header of its request. */
interface Early {
  readonly request: IncomingMessage
  readonly isUrgent: boolean
  readonly done: (bytes: Buffer | undefined) => void
}

export class Bodies {
  readonly #options: BodiesOptions
  /** Of requests that were read ahead of their routes. */
  readonly #handed = new WeakMap<IncomingMessage, Buffer>()
  #early: Early[] = []
  readonly #readEarly: () => void

  constructor (options: BodiesOptions) {
    this.#options = options
    const { commons: { turns }, workerOf, guard } = options
    this.#readEarly = guard.around('http-body', () => {
      for (const { request, isUrgent, done } of this.#early.splice(0)) {
        const read = (): void => {
          if (!guard.attempt('http-body', () => done(request.complete ? request.read() as Buffer | null ?? none : undefined))) request.destroy() // no encoding is set: it is bytes
        }
        if (turns.begin(workerOf(request), isUrgent)) read()
        else turns.wait(workerOf(request), read)
      }
    })
  }

  /**
   * Calls back with the body of a request that came along with its header, when Node has gone through what this turn of the loop has
   * brought, or when the client has its turn. undefined = it is not here as a whole, and nothing of it was read.
   */
  early (request: IncomingMessage, isUrgent: boolean, done: (bytes: Buffer | undefined) => void): void {
    this.#early.push({ request, isUrgent, done })
    if (this.#early.length === 1) setImmediate(this.#readEarly)
  }

  /** The body of a request was read ahead of its route, within the limits of the route. */
  hand (request: IncomingMessage, bytes: Buffer): void {
    this.#handed.set(request, bytes)
  }

  /**
   * Makes a scope read bodies of these media types (`*`: of all others, and of those without one). An empty body is `undefined` to
   * the routes, however it was sent: with a length of 0, or chunked, as proxies pass it on.
   */
  parse (scope: FastifyInstance, mediaTypes: string | string[], parser: BodyParser): void {
    scope.addContentTypeParser(mediaTypes, (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
      this.#read(request, payload, request.routeOptions.bodyLimit, (error, bytes) => {
        if (error !== undefined) return done(error)
        if (bytes.length === 0) return done(null, undefined)
        const { commons: { turns }, workerOf, isUrgent } = this.#options
        const parse = (): void => {
          let body: unknown
          try {
            body = parser(bytes, request)
          } catch (fault) {
            return done(fault as Error) // what a parser throws
          }
          done(null, body)
        }
        if (turns.begin(workerOf(request.raw), isUrgent(request.raw))) parse()
        else turns.wait(workerOf(request.raw), parse)
      })
    })
  }

  /** Makes a scope take no bodies but empty ones of these media types: `refuse` says why not, before they are read. */
  refuse (scope: FastifyInstance, mediaTypes: string | string[], refuse: (request: FastifyRequest) => Error): void {
    scope.addContentTypeParser(mediaTypes, (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
      this.#read(request, payload, 0, (error) => done(error === undefined ? null : isTooLarge(error) ? refuse(request) : error, undefined))
    })
  }

  #read (request: FastifyRequest, payload: IncomingMessage, limit: number, done: (error: Error | undefined, bytes: Buffer) => void): void {
    const { commons, guard, addressOf, isUrgent, workerOf } = this.#options
    const length = Number(request.headers['content-length'] ?? 0)
    if (length > limit) return done(tooLarge(limit), none)
    const handed = this.#handed.get(payload)
    if (handed !== undefined) return done(undefined, handed)
    let share: Share | undefined
    const chunks: Buffer[] = []
    let size = 0
    let isOver = false
    const end = (error: Error | undefined): void => {
      if (isOver) return
      isOver = true
      payload.off('data', take).off('end', whole).off('close', cut) // an error may still come, and is heard
      share?.release()
      if (error === undefined) return done(undefined, chunks.length === 1 ? chunks[0] ?? none : Buffer.concat(chunks, size))
      chunks.length = 0
      payload.resume() // what is still coming is thrown away, until the answer closes the connection
      done(error, none)
    }
    const giveUp = (): void => end(new RegistryError('REG_OVERLOADED', 'too many bodies arrive at once: this one gave way', undefined, { retryAfterSeconds: 1 }))
    const fail = (error: unknown): void => end(error instanceof Error ? error : cutOff())
    const take = guard.around('http-body', (chunk: Buffer): void => {
      size += chunk.length
      if (size > limit) return end(tooLarge(limit))
      chunks.push(chunk)
      if (size > smallBodyBytes) {
        // The system hands over megabytes of one connection at once; a piece for each, in turn, leaves time for the others.
        payload.pause()
        commons.turns.run(workerOf(request.raw), () => { payload.resume() })
      }
      const pool = isUrgent(request.raw) ? commons.heartbeats : commons.bodies
      if (share === undefined) {
        share = pool.take(clientKey(addressOf(request)), chunk.length, giveUp)
        if (share === undefined) giveUp()
      } else if (!share.resize(size)) giveUp()
    }, fail)
    const whole = guard.around('http-body', () => end(isCut(payload) ? cutOff() : undefined), fail)
    const cut = guard.around('http-body', () => end(cutOff()), fail) // the client went away, or broke the coding of the body
    payload.on('data', take).on('end', whole).on('error', cut).on('close', cut)
  }
}

const none = Buffer.alloc(0)

/** HTTP/2 ends a body also when its stream was given up in the middle, and says so beside. */
function isCut (payload: IncomingMessage & { readonly aborted?: boolean }): boolean {
  return payload.complete === false || payload.aborted
}

function cutOff (): RegistryError {
  return invalid([{ field: 'body', rule: 'must arrive whole' }])
}

function tooLarge (limit: number): RegistryError {
  return new RegistryError('REG_BODY_TOO_LARGE', `the body must not be larger than ${limit} bytes`)
}

function isTooLarge (error: Error): boolean {
  return error instanceof RegistryError && error.code === 'REG_BODY_TOO_LARGE'
}
