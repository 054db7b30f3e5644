// Lists: namespaces, services, instances, page by page.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Instance, NamespaceSummary, ServiceSummary, Status } from '../../../client-sdk/src/wire.ts'
import { RegistryError, invalid, shown } from '../../errors.ts'
import { parseAddress } from '../../model/address/address.ts'
import { LabelName, statuses } from '../../model/instance/instance.ts'
import { isId, isLabel } from '../../model/names.ts'
import { parseSelector } from '../../model/instance/selector.ts'
import type { Access, InstanceFilter, Listed, Position } from '../../registry/core.ts'
import { answer, isKnown, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { pageText, textForm } from './page-text.ts'
import { slicedPage } from './sliced-page.ts'
import {
  InstancePage, NamespacePage, ServicePage, answerOf, emptyAnswer, errorResponses, exampleInstance, exampleService, readErrors
} from './schemas.ts'

const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Items of a page, default ${defaultPageItems}. There are fewer, and a \`next\`, where they would be more than 2 MiB` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}
const NamespaceQuery = Type.Object(paging, { additionalProperties: false })
const ListQuery = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  selector: Type.Optional(Type.String({ description: 'A Kubernetes label selector, as in version in (v1,v2),!canary' })),
  status: Type.Optional(Type.String({ description: `Effective statuses, by comma: ${statuses.join(', ')}` })),
  address: Type.Optional(Type.String({ description: 'The address of the instances' })),
  ...paging
}, { additionalProperties: false })

type ListQueryOf = Static<typeof ListQuery>

export function registerLists (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  const revision = 'q7Zk2.17'
  const common = [...readErrors, 'REG_SELECTOR_INVALID', 'REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND'] as const

  app.get<{ Querystring: Static<typeof NamespaceQuery> }>('/v1/namespaces', {
    schema: {
      tags: ['namespaces'],
      operationId: 'listNamespaces',
      summary: 'All namespaces, by name',
      querystring: NamespaceQuery,
      response: {
        200: answerOf('A page', NamespacePage, { revision, items: [{ name: 'shop', services: 1, instances: 1 }] }),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors)
      }
    }
  }, async (request, reply) => {
    const { minRevision, cursor, limit } = request.query
    await settle(context, request, minRevision)
    const after = positionOf(cursor)
    const list = (): Listed<NamespaceSummary> => accessOf(context, request).namespaces(after, limit ?? defaultPageItems)
    return page(request, reply, position.cursor, list, ({ name }) => ({ namespace: name, service: '', id: '' }))
  })

  app.get<{ Querystring: ListQueryOf }>('/v1/services', {
    schema: {
      tags: ['services'],
      operationId: 'listServices',
      summary: 'Services, by namespace and name',
      description: 'Selector, status and address choose the services that have such an instance. An unknown namespace or service is 404, but not behind a cursor.',
      querystring: ListQuery,
      response: {
        200: answerOf('A page', ServicePage, { revision, items: [exampleService] }),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...common)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const access = accessOf(context, request)
    const { filter, after, limit } = choice(access, request.query)
    const at = now()
    const tag = summaryTag(access)
    const place = ({ namespace, name }: ServiceSummary): Position => ({ namespace, service: name, id: '' })
    const isLong = isWalked(filter)
    const atOnce = isLong ? undefined : servicesAtOnce
    const found = (isLong || limit > servicesAtOnce) && !isKnown(request, `W/"${tag}"`)
      ? await slicedPage((...part) => access.services(filter, ...part), after, limit, place, atOnce)
      : undefined
    return page(request, reply, tag, () => found ?? access.services(filter, after, limit), place, at)
  })

  app.get<{ Querystring: ListQueryOf }>('/v1/instances', {
    schema: {
      tags: ['instances'],
      operationId: 'listInstances',
      summary: 'Instances, by namespace, service and id',
      description: 'An unknown namespace or service is 404, but not behind a cursor: it may have gone since the page before.',
      querystring: ListQuery,
      response: {
        200: answerOf('A page', InstancePage, { revision, items: [exampleInstance] }),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...common)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const access = accessOf(context, request)
    const { filter, after, limit } = choice(access, request.query)
    const at = now()
    const place = ({ namespace, service, id }: Instance): Position => ({ namespace, service, id })
    const found = isWalked(filter) && !isKnown(request, `W/"${at.cursor}"`)
      ? await slicedPage((...part) => access.instances(filter, ...part), after, limit, place)
      : undefined
    return page(request, reply, at.cursor, () => found ?? access.instances(filter, after, limit), place, at)
  })

  function choice (access: Access, query: ListQueryOf): { filter: InstanceFilter, after: Position | undefined, limit: number } {
    const after = positionOf(query.cursor)
    if (after === undefined) access.checkScope(query)
    return { filter: filterOf(query), after, limit: query.limit ?? defaultPageItems }
  }

  /** Protection comes and goes without a revision, and summaries show it. */
  function summaryTag (access: Access): string {
    const { services } = access.protection()
    if (services.size === 0) return position.cursor
    let sum = 0
    for (const sinceMs of services.values()) sum += sinceMs
    return `${position.cursor}-${services.size}-${sum}`
  }

  /** Where the view stands: what is found in slices from here on is at least of this revision. */
  function now (): Place {
    return { cursor: position.cursor, revision: position.revision }
  }

  function page<Item> (
    request: FastifyRequest, reply: FastifyReply, tag: string, list: () => Listed<Item>, place: (item: Item) => Position, at = now()
  ): FastifyReply {
    return answer(context, request, reply, tag, () => {
      const { items, next } = list()
      const behind = next === undefined ? undefined : cursorOf(next)
      return pageText({ revision: at.cursor, items, next: behind, cursorOf: (item) => cursorOf(place(item)) })
    }, textForm, at.revision)
  }
}

interface Place {
  readonly cursor: string
  readonly revision: number
}

/** Services of a list without a filter between two looks at the clock: who is asked for the first time counts all its endpoints. */
const servicesAtOnce = 20

/** Whether a page may look at many that do not fit. */
function isWalked ({ selector, statuses }: InstanceFilter): boolean {
  return selector !== undefined || statuses !== undefined
}

function filterOf ({ namespace, service, selector, status, address }: ListQueryOf): InstanceFilter {
  return {
    namespace,
    service,
    selector: selector === undefined ? undefined : parseSelector(selector),
    statuses: status === undefined ? undefined : statusesOf(status),
    address: address === undefined ? undefined : addressOf(address)
  }
}

function statusesOf (text: string): ReadonlySet<Status> {
  const names = text.split(',')
  for (const name of names) {
    if (!(statuses as readonly string[]).includes(name)) throw invalid([{ field: 'status', value: name, rule: `must be one of ${statuses.join(', ')}, or several by comma` }])
  }
  return new Set(names as Status[]) // each has just been found among them
}

function addressOf (text: string): string {
  const address = parseAddress(text)
  if ('problem' in address) throw invalid([{ field: 'address', value: text, rule: address.problem }])
  return address.text
}

/** A page's cursor is the last item's key: opaque to clients, so that it may become something else. */
export function cursorOf ({ namespace, service, id }: Position): string {
  return Buffer.from(JSON.stringify([namespace, service, id])).toString('base64url')
}

function isPart (value: unknown, fits: (text: string) => boolean): value is string {
  return typeof value === 'string' && fits(value)
}

export function positionOf (cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    parts = undefined
  }
  if (Array.isArray(parts) && parts.length === 3) {
    const [namespace, service, id] = parts as unknown[]
    const isOurs = isPart(namespace, isLabel) && isPart(service, (text) => text === '' || isLabel(text)) && isPart(id, (text) => text === '' || isId(text))
    if (isOurs && cursorOf({ namespace, service, id }) === cursor) return { namespace, service, id }
  }
  const rule = 'must be `next` of a page'
  throw new RegistryError('REG_CURSOR_INVALID', `cursor ${rule}, got ${shown(cursor)}`, [{ field: 'cursor', value: cursor.slice(0, 80), rule }])
}
