// Eureka's HTTP API over the core, for its clients as they are, at a listener of its own. One route for each method: what a path means is
// read in path.ts, what an instance means in form/, and what is shown stands in view/.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RegistryError } from '../errors.ts'
import { textOf, parseJson } from '../http/server/json-body.ts'
import { accessOf } from '../http/server/context.ts'
import { type Dialect, type DialectParts, type Listener, pathOf } from '../http/server/dialect.ts'
import type { Access, CallCounts, Core } from '../registry/core.ts'
import { formOf, sendError, sendForm } from './answers.ts'
import { tokenOf } from './credentials.ts'
import { readXml } from './form/xml-reader.ts'
import { type Doing, changeMetadata, deregister, override, register, removeOverride, renew } from './instances.ts'
import { isRenewal, readPath, type Asked } from './path.ts'
import { Lists } from './lists.ts'
import { pageText } from './page.ts'
import { overridesText, statusText } from './status.ts'
import { NodeState } from './node-state.ts'
import { QuickRenewals } from './quick-renewals.ts'
import { type Followed, EurekaView } from './view/view.ts'
import { isLabel } from '../model/names.ts'

/** A registration is some two kilobytes; 16 KiB of metadata in XML are some more. */
const maxBodyBytes = 128 * 1024
const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const

export interface EurekaOptions {
  readonly core: Core
  readonly feed: Followed
  readonly counters: CallCounts
  /** Of requests that name none. */
  readonly namespace: string
  readonly listen: Listener
  readonly node: string
  readonly version: string
}

export function eurekaDialect (options: EurekaOptions): Dialect {
  return {
    name: 'eureka',
    prefix: '',
    isForeign: true,
    inOpenApi: false,
    listen: options.listen,
    tokenOf,
    isUrgent: isRenewal,
    plugin: (scope, parts) => registerRoutes(scope, parts, options)
  }
}

interface Handling extends Doing {
  readonly asked: Asked
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function registerRoutes (scope: FastifyInstance, parts: DialectParts, options: EurekaOptions): void {
  const { core, counters } = options
  const view = new EurekaView({ core, feed: options.feed, clock: parts.clock })
  const lists = new Lists(view, parts.clock)
  const state = new NodeState({ clock: parts.clock, core, view, node: options.node, version: options.version })
  parts.answerAhead(new QuickRenewals(parts, { core, counts: counters, namespace: options.namespace, renewed: () => state.renewed() }, 'eureka:/*'))
  scope.addHook('onClose', async () => view.close())

  scope.setErrorHandler((error, request, reply) => {
    const fault = parts.faultOf(error, request)
    return sendError(reply, fault, request.method === 'POST')
  })
  scope.setNotFoundHandler((_request, reply) => reply.code(404).send())
  scope.setValidatorCompiler(() => () => true)
  parts.bodies.parse(scope, '*', (bytes, request) => readBody(bytes, request))

  const handlers: Readonly<Record<string, (handling: Handling) => Promise<unknown>>> = {
    'GET apps': (handling) => lists.all(handling),
    'GET delta': (handling) => lists.delta(handling),
    'GET app': (handling) => lists.app(handling),
    'GET instance': (handling) => lists.instance(handling),
    'GET vip': (handling) => lists.vip(handling),
    'GET svip': (handling) => lists.vip(handling),
    'GET member': (handling) => lists.member(handling),
    'GET status': async ({ access, request, reply, namespace }) => {
      access.permitWatch({ namespace })
      await view.settle()
      const form = formOf(request)
      return sendForm(reply, form, statusText(form, await state.of(access, namespace)))
    },
    'GET overrides': async ({ access, request, reply, namespace }) => {
      access.permitWatch({ namespace })
      const form = formOf(request)
      return sendForm(reply, form, overridesText(form, access.overrides().filter((each) => each.namespace === namespace)))
    },
    'GET page': async ({ access, reply, namespace }) => {
      access.permitWatch({ namespace })
      await view.settle()
      const text = pageText(await state.of(access, namespace), lists.rows(access, namespace))
      return reply.type('text/html; charset=utf-8').header('cache-control', 'no-store')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(text)
    },
    'POST app': async (handling) => {
      const { asked, request, reply } = handling
      const unknown = await register(handling, nameOf(asked), request.body)
      if (unknown.length > 0) {
        parts.log.warn({ app: nameOf(asked), fields: unknown.slice(0, 10) }, 'an Eureka client registered with fields that Eureka does not have: they are not kept')
      }
      return reply.code(204).send()
    },
    'PUT member': async (handling) => {
      const { asked, request, reply } = handling
      if (asked.what !== 'member') return
      const query = queryOf(request)
      state.renewed()
      await renew(handling, asked.app, asked.id, { status: query.get('status') ?? undefined, lastDirtyTimestamp: query.get('lastDirtyTimestamp') ?? undefined })
      return reply.code(200).send()
    },
    'DELETE member': async (handling) => {
      if (handling.asked.what === 'member') await deregister(handling, handling.asked.app, handling.asked.id)
      return handling.reply.code(200).send()
    },
    'PUT member-status': async (handling) => {
      const { asked, request, reply } = handling
      if (asked.what === 'member-status') await override(handling, asked.app, asked.id, queryOf(request).get('value') ?? undefined)
      return reply.code(200).send()
    },
    'DELETE member-status': async (handling) => {
      const { asked, request, reply } = handling
      if (asked.what === 'member-status') await removeOverride(handling, asked.app, asked.id, queryOf(request).get('value') ?? undefined)
      return reply.code(200).send()
    },
    'PUT member-metadata': async (handling) => {
      const { asked, request, reply } = handling
      if (asked.what === 'member-metadata') await changeMetadata(handling, asked.app, asked.id, queryOf(request))
      return reply.code(200).send()
    }
  }

  for (const method of methods) {
    scope.route({
      method, url: '/*', exposeHeadRoute: method === 'GET', bodyLimit: maxBodyBytes,
      handler: async (request, reply) => {
        const path = readPath(pathOf(request))
        if (path === undefined) return reply.code(404).send()
        const { asked } = path
        const handler = handlers[`${request.method === 'HEAD' ? 'GET' : request.method} ${asked.what}`]
        if (handler === undefined) return reply.code(405).header('allow', allowed(handlers, asked)).send()
        core.position.requireLoaded()
        const namespace = path.namespace ?? headerNamespace(request) ?? options.namespace
        if (!isLabel(namespace)) throw new RegistryError('REG_NAMESPACE_NOT_FOUND', 'the namespace is no label')
        const access: Access = accessOf({ ...parts, core }, request)
        return handler({ access, namespace, counts: counters, asked, request, reply })
      }
    })
  }
}

function nameOf (asked: Asked): string {
  return 'name' in asked ? asked.name : ''
}

function allowed (handlers: Readonly<Record<string, unknown>>, { what }: Asked): string {
  return methods.filter((method) => handlers[`${method} ${what}`] !== undefined).join(', ')
}

/** Other servers that speak Eureka take the second one. */
function headerNamespace ({ headers }: FastifyRequest): string | undefined {
  const named = headers['x-rollcall-namespace'] ?? headers['x-namespace']
  return typeof named === 'string' && named !== '' ? named : undefined
}

function queryOf ({ raw: { url = '' } }: FastifyRequest): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}

/** Of a request with another method than POST nothing is read: clients send empty bodies, and some an instance. */
function readBody (bytes: Buffer, request: FastifyRequest): unknown {
  if (request.method !== 'POST') return undefined
  const text = textOf(bytes, request)
  const type = request.headers['content-type']?.toLowerCase() ?? ''
  const isXml = type.includes('xml')
  if (!isXml && !type.includes('json') && type !== '' && !type.startsWith('application/x-www-form-urlencoded')) {
    throw new RegistryError('REG_MEDIA_TYPE', 'the body must be JSON or XML')
  }
  // curl calls every body a form unless it is told otherwise: the first character says what it is.
  const looksXml = isXml || (!type.includes('json') && /^\s*</.test(text))
  return looksXml ? readXml(text) : parseJson(text)
}
