/** Named counters of the ruleset: connections and refusals are packets, the others bytes. */
export const counterNames = { connections: 'connections', refused: 'refused', bytesIn: 'bytes-in', bytesOut: 'bytes-out' } as const
