// What several workers have counted, as one; and of one that is no more what is still true.
import type { IngressFigures } from '../ports.ts'
import type { WorkerFigures } from './worker-messages.ts'

type Counts = Readonly<Record<string, number>>

function addCounts (all: readonly Counts[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

function addLists (all: readonly Readonly<Record<string, readonly number[]>>[]): Record<string, number[]> {
  const sum: Record<string, number[]> = {}
  for (const lists of all) {
    for (const [name, list] of Object.entries(lists)) {
      const into = sum[name] ??= list.map(() => 0)
      list.forEach((value, index) => { into[index] = (into[index] ?? 0) + value })
    }
  }
  return sum
}

export function sumFigures (all: readonly WorkerFigures[]): WorkerFigures {
  const engines = all.map(({ engine }) => engine)
  const listeners = all.map(({ listeners: each }) => each)
  const added = (read: (figures: IngressFigures) => Counts): Counts => addCounts(engines.map(read))
  const total = <Of>(of: readonly Of[], read: (figures: Of) => number): number => of.reduce((sum, each) => sum + read(each), 0)
  return {
    engine: {
      requests: added(({ requests }) => requests), latency: addLists(engines.map(({ latency }) => latency)), reasons: added(({ reasons }) => reasons),
      upstreamConnections: added(({ upstreamConnections }) => upstreamConnections), upstreamConnects: added(({ upstreamConnects }) => upstreamConnects),
      retries: added(({ retries }) => retries), ejections: added(({ ejections }) => ejections), ejected: added(({ ejected }) => ejected),
      upgraded: total(engines, ({ upgraded }) => upgraded), active: total(engines, ({ active }) => active),
      bytesIn: total(engines, ({ bytesIn }) => bytesIn), bytesOut: total(engines, ({ bytesOut }) => bytesOut)
    },
    listeners: {
      connections: total(listeners, ({ connections }) => connections), accepted: total(listeners, ({ accepted }) => accepted),
      handshakes: addCounts(listeners.map(({ handshakes }) => handshakes)), headersRefused: total(listeners, ({ headersRefused }) => headersRefused)
    }
  }
}

/** Counters stay, what is open now is gone: a sum must not fall because a worker has ended. */
export function keptFigures ({ engine, listeners }: WorkerFigures): WorkerFigures {
  return { engine: { ...engine, upstreamConnections: {}, ejected: {}, upgraded: 0, active: 0 }, listeners: { ...listeners, connections: 0 } }
}
