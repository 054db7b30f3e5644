// What was there once: when somebody asks for an instance or a service that is not there any more, when and why it
// went.
import type { Event, Page } from '../../client-sdk/src/wire.ts'
import type { Api } from './api.ts'
import { CommandError, exitCodes, RefusedError } from './errors.ts'
import { age } from './table.ts'

const goings: ReadonlySet<string> = new Set(['deregistered', 'expired', 'removed'])

export interface GoneName {
  readonly namespace: string
  readonly service: string
  /** Absent: the service itself. */
  readonly id?: string
}

/**
 * Reads something; if the registry does not know it, and remembers how it went, that is the error.
 * @throws CommandError with the time and the reason; else what the read throws
 */
export async function orGone<Answer> (api: Api, name: GoneName, now: () => number,
  read: Promise<Answer>): Promise<Answer> {
  try {
    return await read
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 404) throw error
    const last = await lastOf(api, name)
    // Another life of it may have come meanwhile, or it went by another name: then the registry's own words are right.
    if (last === undefined || !goings.has(last.reason)) throw error
    const what = name.id === undefined ? `service ${name.service}` : `${name.service}/${name.id}`
    throw new CommandError(`${what} is not there any more: ${last.message}, ${age(last.at, now())} ago (${last.at})`,
      exitCodes.failure, { cause: error })
  }
}

async function lastOf (api: Api, { namespace, service, id }: GoneName): Promise<Event | undefined> {
  try {
    return (await api.get<Page<Event>>('/v1/events', { namespace, service, id, limit: '1' })).items[0]
  } catch (error) {
    if (error instanceof RefusedError) return undefined // a name that breaks a rule was never there
    throw error
  }
}
