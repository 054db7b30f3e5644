// What a watch is about.
import { type Selector, everything } from '../../model/instance/selector.ts'
import type { Sight } from '../sight.ts'

/** By name; absent = all of them. */
export interface Scope {
  readonly namespace?: string | undefined
  readonly service?: string | undefined
}

export interface WatchFilter extends Scope {
  readonly selector?: Selector
  /** Absent = everything is seen. What it sees does not change while a watch lasts. */
  readonly sight?: Sight | undefined
}

/** A watch with a selector and without a service gets instances only. */
export function takesServices ({ service, selector = everything }: WatchFilter): boolean {
  return service !== undefined || selector.requirements.length === 0
}

export function isSeen ({ sight }: WatchFilter, namespace: string, service: string): boolean {
  return sight === undefined || sight.service(namespace, service)
}
