// npm run figures [-- --size 3000 --runs 5 --only recovery,stop,half-dead,holds,blips,storm]: how long what lasts, over several runs. It judges
// nothing; a quiet machine gives figures that mean something.
import { parseArgs } from 'node:util'
import { cpus } from 'node:os'
import type { Options } from './figure.ts'
import { blips } from './blips.ts'
import { halfDead } from './half-dead.ts'
import { holds } from './holds.ts'
import { recovery } from './recovery.ts'
import { stop } from './stop.ts'
import { storm } from './storm.ts'

const parts: Readonly<Record<string, (options: Options) => Promise<void>>> = { recovery, stop, 'half-dead': halfDead, holds, blips, storm }
const { values } = parseArgs({ options: { size: { type: 'string', default: '3000' }, runs: { type: 'string', default: '5' }, only: { type: 'string' } } })
const options: Options = { size: Number(values.size), runs: Number(values.runs) }
if (!(options.size >= 100 && options.size <= 1_000_000) || !(options.runs >= 1 && options.runs <= 1_000)) throw new Error('--size is from 100 to 1,000,000, --runs from 1 to 1,000')
const chosen = values.only?.split(',') ?? Object.keys(parts)
const unknown = chosen.find((name) => parts[name] === undefined)
if (unknown !== undefined) throw new Error(`there is no part ${unknown}, only ${Object.keys(parts).join(', ')}`)
console.log(`Machine: ${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, Node ${process.versions.node}`)
for (const name of chosen) await parts[name]?.(options)
process.exit() // clients of a node that is gone may still be saying goodbye
