// What an agent has carried, for its metrics: of the whole machine. By service it would be ten thousand series, and in the kernel a counter to
// read for each at each scrape.

export interface TrafficCounts {
  /** Connections that were carried to an endpoint; of UDP flows. */
  readonly connections: number
  /** Connections, of UDP datagrams, that were refused or dropped: there was no endpoint that took it, or the client may not come. */
  readonly refused: number
  /** Bytes of clients; in the kernel with the headers of IP. */
  readonly bytesIn: number
  /** Bytes of endpoints. */
  readonly bytesOut: number
}

/** The same while it grows. */
export type GrowingCounts = { -readonly [Name in keyof TrafficCounts]: number }

export function noTraffic (): GrowingCounts {
  return { connections: 0, refused: 0, bytesIn: 0, bytesOut: 0 }
}
