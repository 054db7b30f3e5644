// Registrations and heartbeats: what is done and answered, by the routes and ahead of them (quick-writes.ts).
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Heartbeat, HeartbeatAnswer } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { instanceText } from '../../model/instance/instance-text.ts'
import type { InstanceName } from '../../registry/core.ts'
import { jsonType, setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { registrationWarnings } from './registrant.ts'
import type { HeartbeatBatch, HeartbeatBody, Registration } from './schemas.ts'

/** Who sends it. */
export type Sender = Pick<FastifyRequest, 'raw'>

/** The answer to a write that was done. */
export interface Written {
  readonly status: 200 | 201
  /** Of the change; undefined = there was none, and the node's own is told. */
  readonly revision: number | undefined
  /** JSON. */
  readonly text: string
}

/** @throws RegistryError as `Commands.register` of the core */
export async function writeRegistration (
  context: HttpContext, sender: Sender, name: InstanceName, registration: Static<typeof Registration>
): Promise<Written> {
  const warnings = registrationWarnings(context, sender, registration.address)
  const { instance, outcome, revision, body } = await accessOf(context, sender).register(name, registration)
  context.metrics.registered(outcome)
  const text = instanceText(instance, body)
  return {
    status: outcome === 'created' || outcome === 'replaced' ? 201 : 200,
    revision,
    text: warnings.length === 0 ? text : `${text.slice(0, -1)},"warnings":${JSON.stringify(warnings)}}`
  }
}

/** One heartbeat. @throws RegistryError REG_LEASE_NOT_FOUND, REG_FORBIDDEN, REG_GENERATION_SUPERSEDED, and as `Commands.heartbeat` of the core */
export async function writeHeartbeat (
  context: HttpContext, sender: Sender, name: InstanceName, body: Static<typeof HeartbeatBody> | undefined
): Promise<Written> {
  const { namespace, service, id } = name
  const heartbeat: Heartbeat = { ...body, namespace, service, id } // the path names the lease, whatever the body says
  const answer = await beat(context, sender, [heartbeat])
  if (answer.unknown.length > 0) throw new RegistryError('REG_LEASE_NOT_FOUND', `${nameOf(heartbeat)} has no lease: register again`)
  if (answer.forbidden !== undefined) throw new RegistryError('REG_FORBIDDEN', `${nameOf(heartbeat)} is registered by somebody else, or may not be kept by you any more`)
  if (answer.superseded.length > 0) {
    const rule = 'must be the generation that is registered now'
    throw new RegistryError('REG_GENERATION_SUPERSEDED', `another generation of ${nameOf(heartbeat)} is registered: stop`, [{ field: 'generation', value: heartbeat.generation, rule }])
  }
  return written(answer)
}

/** Many heartbeats. @throws RegistryError as `Commands.heartbeat` of the core */
export async function writeHeartbeats (context: HttpContext, sender: Sender, { leases }: Static<typeof HeartbeatBatch>): Promise<Written> {
  return written(await beat(context, sender, leases))
}

async function beat (context: HttpContext, sender: Sender, heartbeats: readonly Heartbeat[]): Promise<HeartbeatAnswer> {
  const answer = await accessOf(context, sender).heartbeat(heartbeats)
  context.metrics.heartbeats(answer)
  return answer
}

function written (answer: HeartbeatAnswer): Written {
  return { status: 200, revision: undefined, text: JSON.stringify(answer) }
}

function nameOf ({ namespace, service, id }: Heartbeat): string {
  return `instance "${id}" of service "${service}" in namespace "${namespace}"`
}

/** The answer as a route sends it. */
export function sendWritten ({ core }: HttpContext, reply: FastifyReply, { status, revision, text }: Written): FastifyReply {
  setRevision(reply, core, revision)
  return reply.code(status).header('content-type', jsonType).send(text)
}
