// Is the write-ahead log whole? SQLite reads it up to the first frame that does not fit and says nothing of what follows: after a kill that is
// nothing, after a flipped bit it may be writes that were acknowledged. https://www.sqlite.org/fileformat2.html#the_write_ahead_log
import { copyFile, readFile } from 'node:fs/promises'
import { inSlices } from '../../slice.ts'

const headerOctets = 32
const frameHeaderOctets = 24
/** The first four octets; the lowest bit says in which order of octets sums are made. */
const magic = 0x377f0682

export interface LogDamage {
  /** Frames that are read. */
  readonly whole: number
  /** Frames of this log from the first damaged one on: what they hold is lost. */
  readonly lost: number
}

/** What of the log cannot be read; undefined = nothing. A log of before, which lies behind the end of this one, does not count. */
export function logDamage (log: Buffer): LogDamage | undefined {
  const steps = looking(log)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** The same in steps, one for each frame. */
function * looking (log: Buffer): Generator<undefined, LogDamage | undefined> {
  if (log.length < headerOctets + frameHeaderOctets) return undefined
  const isBigEndian = (log.readUInt32BE(0) & 1) === 1
  const frameOctets = frameHeaderOctets + log.readUInt32BE(8)
  const frames = Math.floor((log.length - headerOctets) / frameOctets)
  const hasHeader = (log.readUInt32BE(0) & ~1) === magic
  const begun = summed(log, 0, 24, isBigEndian, [0, 0])
  if (!hasHeader || begun[0] !== log.readUInt32BE(24) || begun[1] !== log.readUInt32BE(28)) return { whole: 0, lost: Math.max(1, frames) }
  let sum = begun
  let whole = 0
  for (; whole < frames; whole++) {
    const at = headerOctets + whole * frameOctets
    const next = summed(log, at + frameHeaderOctets, at + frameOctets, isBigEndian, summed(log, at, at + 8, isBigEndian, sum))
    if (!isOfThisLog(log, at) || next[0] !== log.readUInt32BE(at + 16) || next[1] !== log.readUInt32BE(at + 20)) break
    sum = next
    yield
  }
  let lost = 0
  for (let frame = whole; frame < frames; frame++) {
    if (isOfThisLog(log, headerOctets + frame * frameOctets)) lost++
    yield
  }
  return lost === 0 ? undefined : { whole, lost }
}

/** Looks at a log that was left by a process that ended without closing it, and keeps a damaged one beside it. @returns a sentence */
export async function keepDamagedLog (path: string, nowMs: number): Promise<string | undefined> {
  let log: Buffer
  try {
    log = await readFile(path)
  } catch {
    return undefined // there is none, or SQLite will say why it cannot be read
  }
  const damage = await inSlices(looking(log))
  if (damage === undefined) return undefined
  const says = `${path} is damaged: ${damage.lost} of its ${damage.whole + damage.lost} pages cannot be read, and writes that they held are lost, ` +
    'acknowledged ones among them unless the machine lost its power in that moment.'
  const kept = `${path}.damaged-${nowMs}`
  try {
    await copyFile(path, kept)
    return `${says} The damaged log is kept as ${kept}.`
  } catch (error) {
    return `${says} It could not be kept: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Its salts are those of the log's header. */
function isOfThisLog (log: Buffer, frame: number): boolean {
  return log.compare(log, 16, 24, frame + 8, frame + 16) === 0
}

/** The sum of SQLite over pairs of words, going on from one before. */
function summed (log: Buffer, from: number, to: number, isBigEndian: boolean, [first, second]: readonly [number, number]): [number, number] {
  let [a, b] = [first, second]
  for (let at = from; at < to; at += 8) {
    a = (a + (isBigEndian ? log.readUInt32BE(at) : log.readUInt32LE(at)) + b) >>> 0
    b = (b + (isBigEndian ? log.readUInt32BE(at + 4) : log.readUInt32LE(at + 4)) + a) >>> 0
  }
  return [a, b]
}
