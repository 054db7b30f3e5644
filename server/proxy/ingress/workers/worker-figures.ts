// What several workers have counted, as one; and of one that is no more what is still true.
import { sumFigures as sumEngines } from '../figures.ts'
import type { ListenerFigures, WorkerFigures } from './worker-messages.ts'

export function sumFigures (all: readonly WorkerFigures[]): WorkerFigures {
  const total = (read: (figures: ListenerFigures) => number): number => all.reduce((sum, { listeners }) => sum + read(listeners), 0)
  const handshakes: Record<string, number> = {}
  for (const { listeners } of all) for (const [outcome, count] of Object.entries(listeners.handshakes)) handshakes[outcome] = (handshakes[outcome] ?? 0) + count
  return {
    engine: sumEngines(all.map(({ engine }) => engine)),
    listeners: {
      handshakes, connections: total(({ connections }) => connections), accepted: total(({ accepted }) => accepted),
      headersRefused: total(({ headersRefused }) => headersRefused)
    }
  }
}

/** Counters stay, what is open now is gone: a sum must not fall because a worker has ended. */
export function keptFigures ({ engine, listeners }: WorkerFigures): WorkerFigures {
  return { engine: { ...engine, upstreamConnections: {}, ejected: {}, upgraded: 0, active: 0 }, listeners: { ...listeners, connections: 0 } }
}
