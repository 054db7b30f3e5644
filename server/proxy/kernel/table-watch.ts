// Hears at once when somebody deletes a table of ours (`systemctl reload nftables` flushes all): `nft monitor` runs beside
// the agent, and is started again when it ends.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { tableName } from './ruleset.ts'
import { stickyTableName } from './sticky.ts'

const restartMs = 5_000

/** nft, and what ends it when its standard input ends: an agent that is killed leaves nothing behind that runs. */
const watching = 'exec 3<&0; nft monitor destroy tables & child=$!; { read -r line; kill "$child"; } 0<&3 3<&- >/dev/null 2>&1 & exec 3<&-; wait "$child"'

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
    const child = spawn('sh', ['-c', watching], { stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin.on('error', guard.around('proxy-watch', () => undefined)) // it has ended
    const lines = createInterface({ input: child.stdout })
    lines.on('line', guard.around('proxy-watch', (line: string) => {
      const name = /^delete table \S+ (\S+)/.exec(line)?.[1]
      if (name === tableName || name === stickyTableName) onDeleted()
    }))
    child.once('error', guard.around('proxy-watch', () => undefined)) // it is said at the start that nft is missing
    const cancel = guard.around('proxy-watch', () => child.stdin.end())
    child.once('close', guard.around('proxy-watch', () => {
      lines.close()
      child.stdin.destroy()
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
