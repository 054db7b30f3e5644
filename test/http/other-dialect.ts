// A dialect as unlike the native one as those to come: XML errors, form bodies, plain text and bytes, long polls, a WebSocket.
import type { WebSocket } from 'ws'
import { RegistryError } from '../../server/errors.ts'
import { lifeOf } from '../../server/http/server/context.ts'
import type { Dialect, Listener } from '../../server/http/server/dialect.ts'

export const xml = 'application/xml; charset=utf-8'

export interface OtherDialect extends Dialect {
  /** Long polls that wait. */
  readonly waiting: () => number
  /** Answers all long polls. */
  readonly wake: (text: string) => void
}

export function otherDialect (prefix = '/other', listen?: Listener): OtherDialect {
  const polls = new Set<(text: string) => void>()
  return {
    name: 'other',
    prefix,
    inOpenApi: false,
    upgrades: ['/socket'],
    ...(listen === undefined ? {} : { listen }),
    clientError: (code) => ({ media: xml, body: `<late>${code}</late>` }),
    waiting: () => polls.size,
    wake: (text) => { for (const answer of polls) answer(text) },
    plugin: (scope, parts) => {
      scope.setErrorHandler((error, request, reply) => {
        const fault = parts.faultOf(error, request)
        return reply.code(fault.status === 400 ? 422 : fault.status).type(xml).send(`<fault>${fault.code}</fault>`)
      })
      scope.setNotFoundHandler((request, reply) => reply.code(404).type(xml).send(`<nothing at="${request.url}"/>`))
      scope.setValidatorCompiler(() => () => true)
      parts.bodies.parse(scope, 'application/json', (bytes) => JSON.parse(bytes.toString()))
      parts.bodies.parse(scope, 'application/x-www-form-urlencoded', (bytes) => Object.fromEntries(new URLSearchParams(bytes.toString())))
      parts.bodies.parse(scope, 'text/plain', (bytes) => bytes.toString('latin1'))
      parts.bodies.parse(scope, 'application/octet-stream', (bytes) => bytes)
      parts.bodies.refuse(scope, '*', () => new RegistryError('REG_MEDIA_TYPE', 'no such media'))
      scope.post('/echo', { bodyLimit: 100_000 }, async ({ body }) => (
        body === undefined ? 'nothing' : Buffer.isBuffer(body) ? `bytes ${body.toString('hex')}` : typeof body === 'string' ? `text ${body}` : `object ${JSON.stringify(body)}`
      ))
      scope.get('/instances', (_request, reply) => reply.type(xml).send('<instances/>'))
      scope.get('/fault', () => { throw new RegistryError('REG_INVALID', 'on purpose') })
      scope.get('/crash', () => { throw new Error('nobody expected this') })
      scope.get('/poll', async (request) => {
        request.waited = true
        const life = lifeOf(request, parts)
        const { promise, resolve } = Promise.withResolvers<string>()
        polls.add(resolve)
        life.signal.addEventListener('abort', () => resolve('closing'))
        try {
          return await promise
        } finally {
          polls.delete(resolve)
          life.release()
        }
      })
      void scope.register(async (inner) => {
        await parts.webSockets(inner)
        inner.get('/socket', { websocket: true }, (socket: WebSocket) => {
          socket.on('message', (data: Buffer) => socket.send(`other ${data.toString()}`))
          parts.closing.onBegin(() => socket.close(1001))
        })
      })
    }
  }
}
