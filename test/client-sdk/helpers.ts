// A client on a test registry, on a clock that the test moves; closed with the test.
import { createTestClock, createTestRegistry, type TestClock, type TestRegistry } from '../../client-sdk/src/testing.ts'
import { Rollcall, type RollcallEvent, type RollcallOptions } from '../../client-sdk/src/index.ts'

export interface Setting {
  readonly registry: TestRegistry
  readonly clock: TestClock
  readonly rollcall: Rollcall
  readonly events: RollcallEvent[]
  /** Another process, as it were. */
  readonly another: (options?: RollcallOptions) => Rollcall
}

/** Half of everything: pauses and phases that a test can reckon with. */
export const half = (): number => 0.5

export function setting (t: { teardown (action: () => unknown): void }, options: RollcallOptions = {}): Setting {
  const clock = createTestClock()
  const registry = createTestRegistry({ clock })
  const events: RollcallEvent[] = []
  const another = (more: RollcallOptions = {}): Rollcall => {
    const rollcall = new Rollcall({ ...registry.options, namespace: 'shop', random: half, ...more })
    t.teardown(() => closeSoon(rollcall, clock))
    return rollcall
  }
  return { registry, clock, events, another, rollcall: another({ onEvent: (event) => events.push(event), ...options }) }
}

/** A registry that is down would let the farewell wait for a clock that stands still. */
async function closeSoon (rollcall: Rollcall, clock: TestClock): Promise<void> {
  const closed = rollcall.close()
  await clock.advance(60_000)
  await closed
}

/** The heartbeat requests that arrived. */
export function beats (registry: TestRegistry): { leases: { id: string }[] }[] {
  return registry.requests.filter(({ path }) => path === '/v1/heartbeats').map(({ body }) => body as { leases: { id: string }[] })
}

export function typesOf (events: readonly { type: string }[]): string[] {
  return events.map(({ type }) => type)
}

/** Reads a list to its end. (Array.fromAsync is not in the language level that this is checked against.) */
export async function all<Item> (items: AsyncIterable<Item>): Promise<Item[]> {
  const result: Item[] = []
  for await (const item of items) result.push(item)
  return result
}
