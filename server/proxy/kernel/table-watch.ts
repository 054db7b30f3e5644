// Hears at once when somebody deletes a table of ours (`systemctl reload nftables` flushes all): `nft monitor` runs beside
// the agent, and is started again when it ends.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { tableName } from './ruleset.ts'
import { stickyTableName } from './sticky.ts'

const restartMs = 5_000

export interface TableWatchOptions {
  readonly guard: Guard
  readonly clock: Clock
  /** Called when a table of ours was deleted, by the agent itself too. */
  readonly onDeleted: () => void
}

/** Begins to watch; gives a function that ends it. */
export function watchTables ({ guard, clock, onDeleted }: TableWatchOptions): () => void {
  let end: () => void = () => undefined
  let isEnded = false
  const start = (): void => {
    if (isEnded) return
    const child = spawn('nft', ['monitor', 'destroy', 'tables'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const lines = createInterface({ input: child.stdout })
    lines.on('line', guard.around('proxy-watch', (line: string) => {
      const name = /^delete table \S+ (\S+)/.exec(line)?.[1]
      if (name === tableName || name === stickyTableName) onDeleted()
    }))
    child.once('error', guard.around('proxy-watch', () => undefined)) // it is said at the start that nft is missing
    const cancel = guard.around('proxy-watch', () => child.kill('SIGKILL'))
    child.once('close', guard.around('proxy-watch', () => {
      lines.close()
      if (!isEnded) end = clock.after(restartMs, start)
    }))
    child.unref()
    end = cancel
  }
  start()
  return () => {
    isEnded = true
    end()
  }
}
