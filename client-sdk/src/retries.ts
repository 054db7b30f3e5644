// Calls of a service that are tried again on another instance.
import { endpointKey } from './balancer.ts'
import { abortable } from './clock.ts'
import type { CallWithRetries } from './options.ts'
import type { ResolvedEndpoint } from './resolved-endpoint.ts'

const defaultRetries = 2

/** What a caller does with an endpoint. */
export type Use<Result> = (endpoint: ResolvedEndpoint, context: { signal: AbortSignal, attempt: number }) => Promise<Result>

/**
 * @param pick an endpoint that is none of those that were tried
 * @throws what `use` threw last, or what `pick` throws at the first attempt
 */
export async function withRetries<Result> (
  pick: (tried: ReadonlySet<string>) => Promise<ResolvedEndpoint>, use: Use<Result>, signal: AbortSignal, options: CallWithRetries
): Promise<Result> {
  const tried = new Set<string>()
  for (let attempt = 0, failure: unknown; ; attempt++) {
    let endpoint: ResolvedEndpoint
    try {
      endpoint = await pick(tried)
    } catch (error) {
      throw attempt === 0 ? error : failure // no other instance: what went wrong with the last one says more
    }
    try {
      return await abortable(use(endpoint, { signal, attempt }), signal)
    } catch (error) {
      if (signal.aborted || attempt >= (options.retries ?? defaultRetries) || options.retryIf?.(error) === false) throw error
      failure = error
      tried.add(endpointKey(endpoint.instance))
    } finally {
      endpoint.release()
    }
  }
}
