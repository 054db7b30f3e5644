// What changed lately, by whom and why, newest first.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Event, Page, Reason } from '../../../client-sdk/src/wire.ts'
import { agentNamespace, agentService } from '../../model/agent-name.ts'
import { agentKeys } from '../../model/traffic-agent.ts'
import { InstanceId, LabelName } from '../../model/instance/instance.ts'
import { type AppliedChange, type EventPage as Events, cursorText, parseCursor } from '../../registry/core.ts'
import { answer, reach, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { EventPage, answerOf, emptyAnswer, errorResponses, readErrors } from './schemas.ts'

const verbs: Readonly<Record<Reason, string>> = {
  registered: 'was registered',
  updated: 'was updated',
  replaced: 'was replaced by a new life',
  deregistered: 'was deregistered',
  expired: 'was removed: its lease ran out',
  suspect: 'is suspect: its heartbeats stopped or its session broke',
  renewed: 'is trusted again: its heartbeats are back',
  override: 'was overridden',
  'override-removed': 'is no longer overridden',
  'override-ended': 'is no longer overridden: the time was up',
  recovered: 'was restored from what a node remembered',
  declared: 'was declared',
  removed: 'was removed',
  noticed: 'was told of'
}

const Query = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  id: Type.Optional(InstanceId),
  reason: Type.Optional(Type.Enum(Object.keys(verbs) as Reason[])),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Default ${defaultPageItems}` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before: only what is older than this revision' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

type QueryOf = Static<typeof Query>

const example: Event = {
  revision: 'q7Zk2.17', at: '2026-01-01T00:00:00.000Z', reason: 'registered', namespace: 'shop', service: 'orders', id: 'orders-1', by: '10.0.0.7',
  message: 'orders-1 of orders in shop was registered by 10.0.0.7 at 10.0.0.7'
}

export function registerEvents (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  app.get<{ Querystring: QueryOf }>('/v1/events', {
    schema: {
      tags: ['operations'],
      operationId: 'listEvents',
      summary: 'What changed lately, newest first',
      description: 'As far back as the log of the store goes. Names that are not registered any more may be asked for.',
      querystring: Query,
      response: {
        200: answerOf('A page', EventPage, { revision: 'q7Zk2.17', items: [example] }),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { cursor } = request.query
    const before = cursor === undefined ? undefined : parseCursor(cursor, 'cursor')
    // The page before may be of a node that is ahead: without what lies between, this one would leave something out.
    if (before !== undefined && (before.epoch === undefined || before.epoch === position.epoch)) await reach(context, request, before)
    const { epoch, cursor: shown, revision } = position // while older events are read, others may come
    const { namespace, service, id, reason, limit = defaultPageItems } = request.query
    const page = await accessOf(context, request).events({ namespace, service, id, reason, limit, before: before?.revision })
    return answer(context, request, reply, page.isCut === true ? undefined : shown, () => pageOf(page, shown, epoch), undefined, revision)
  })
}

function pageOf ({ changes, next }: Events, cursor: string, epoch: string): Page<Event> {
  return { revision: cursor, items: changes.map((change) => eventOf(change, epoch)), ...(next === undefined ? {} : { next: cursorText(epoch, next) }) }
}

function eventOf (change: AppliedChange, epoch: string): Event {
  const { revision, atMs, reason, by, target: { namespace, service, id } } = change
  return { revision: cursorText(epoch, revision), at: new Date(atMs).toISOString(), reason, namespace, service, id, by, message: messageOf(change) }
}

/** Who expires leases and puts back what a store lost. */
const registryName = 'registry'

function messageOf (change: AppliedChange): string {
  const { reason, by, event, instance, kind, notice, target: { namespace, service, id } } = change
  if (notice !== undefined) return `${notice.about} ${id} in ${namespace}: ${notice.reason}: ${notice.message}`
  const author = by === '' || by === registryName ? '' : ` by ${by}` // the reason names what the registry does by itself
  const address = reason === 'registered' && event === 'put' && instance !== undefined ? ` at ${instance.address}` : ''
  const why = reason === 'override' && instance?.override !== undefined ? `: ${overrideText(instance.override)}` : ''
  const subject = { instance: `${id} of ${service} in ${namespace}`, service: `service ${service} in ${namespace}`, endpoints: `endpoints of ${service} in ${namespace}`, namespace: `namespace ${namespace}`, claim: service, secret: 'a secret', notice: id, policy: `policy ${id}`,
    ingress: `ingress ${id} in ${namespace}`, ingressclass: `ingress class ${id}`, tlssecret: `secret ${id} in ${namespace}`, autoscaler: `autoscaler ${id} in ${namespace}` }
  return `${subject[kind]} ${verbs[reason]}${author}${address}${why}${agentText(change)}`
}

/** Of an agent (`rollcall proxy`): which load-balancer addresses it announces now, and which nobody does or a stranger uses. */
function agentText ({ instance, previous, event, target: { namespace, service } }: AppliedChange): string {
  if (namespace !== agentNamespace || service !== agentService || event !== 'put' || instance === undefined) return ''
  const changed = (key: string): string | undefined => {
    const [before = '', now = ''] = [previous?.metadata[key], instance.metadata[key]]
    return now === before ? undefined : now
  }
  const [announces, problems] = [changed(agentKeys.announces), changed(agentKeys.problems)]
  return [
    ...(announces === undefined ? [] : [announces === '' ? 'it announces no address' : `it announces ${announces.replaceAll(',', ', ')}`]),
    ...(problems === undefined ? [] : [problems === '' ? 'what it could not announce is in order again' : problems])
  ].map((text, at) => `${at === 0 ? ': ' : '; '}${text}`).join('')
}

function overrideText ({ status, weight, reason }: { readonly status?: string, readonly weight?: number, readonly reason: string }): string {
  const what = [...(status === undefined ? [] : [status]), ...(weight === undefined ? [] : [`weight ${weight}`])].join(', ')
  return reason === '' ? what : `${what} (${reason})`
}
