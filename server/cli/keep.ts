// What `register --keep` does: the SDK keeps the lease, this says so, and ends it when the command is ended.
import { once } from 'node:events'
import type { Instance, Registration as RegistrationBody } from '../../client-sdk/src/wire.ts'
import type { Invocation } from './command.ts'
import { CommandError, exitCodes } from './errors.ts'
import { stayAlive } from './terminal.ts'

export interface Kept {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly registration: RegistrationBody
  readonly tell: (instance: Instance) => Promise<void>
}

/**
 * Registers, waiting for the registry if it is away, and stays until the terminal's signal aborts.
 * @throws CommandError if the registry refuses, or another process takes the id
 */
export async function keepRegistered (call: Invocation, { namespace, service, id, registration, tell }: Kept): Promise<void> {
  const { signal } = call.terminal
  const { lease, ...body } = registration
  const superseded = new AbortController()
  const api = await call.api((event) => {
    if (event.type === 'superseded') superseded.abort()
    if (event.type === 'unreachable') call.terminal.err(`rollcall: no registry answers (${event.error.message}), trying on`)
    if (event.type === 'warning') call.terminal.err(`Warning: ${event.message}`)
    if (event.type === 'registered' && event.again) call.terminal.err(`rollcall: ${service}/${id} is registered again`)
  })
  const alive = stayAlive()
  await using client = api.client
  try {
    const kept = await client.register({ ...body, namespace, service, id, ttlMs: lease?.ttlMs, onSuperseded: 'stop' }, { signal })
    await tell(kept.instance)
    const end = AbortSignal.any([signal, superseded.signal])
    if (!end.aborted) await once(end, 'abort')
    if (superseded.signal.aborted) throw new CommandError(`another process has registered ${service}/${id}`, exitCodes.failure)
    await kept.deregister()
    call.terminal.err(`rollcall: ${service}/${id} is deregistered`)
  } catch (error) {
    if (!signal.aborted || error instanceof CommandError) throw api.explain(error)
  } finally {
    alive.end()
  }
}
