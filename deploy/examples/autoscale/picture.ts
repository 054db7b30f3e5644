// Draws the log of load.ts: `node picture.ts <log.csv >picture.svg`. Above the load, below what was desired and what was
// there.
import { text } from 'node:stream/consumers'

interface Row {
  readonly seconds: number
  readonly jobs: number
  readonly desired: number | undefined
  readonly current: number | undefined
}

const [, ...lines] = (await text(process.stdin)).trim().split('\n')
const rows = lines.map((line): Row => {
  const [seconds = '', jobs = '', , desired = '', current = ''] = line.split(',')
  const count = (given: string): number | undefined => (given === '' ? undefined : Number(given))
  return { seconds: Number(seconds), jobs: Number(jobs), desired: count(desired), current: count(current) }
})
if (rows.length === 0) throw new Error('the log has no lines')

const size = { width: 720, height: 336, left: 44, right: 20 }
const panels = { load: { top: 28, height: 110 }, copies: { top: 180, height: 130 } }
const end = (rows.at(-1)?.seconds ?? 0) + 1
const x = (seconds: number): number => round(size.left + seconds / end * (size.width - size.left - size.right))
const round = (value: number): number => Math.round(value * 10) / 10

/** Values of a panel, from its bottom to its top. */
function scale ({ top, height }: (typeof panels)[keyof typeof panels], most: number): (value: number) => number {
  return (value) => round(top + height - value / most * height)
}

/** A line in steps: a number stays until the next one. It is broken where there is none. */
function steps (value: (row: Row) => number | undefined, y: (value: number) => number): string {
  let path = ''
  let before: number | undefined
  for (const row of rows) {
    const now = value(row)
    if (now !== undefined) {
      if (before === undefined) path += `M${x(row.seconds)} ${y(now)}`
      else if (before !== now) path += `V${y(now)}`
      path += `H${x(row.seconds + 1)}`
    }
    before = now
  }
  return path
}

const mostJobs = Math.ceil(Math.max(1, ...rows.map(({ jobs }) => jobs)) / 5) * 5
const mostCopies = Math.max(1, ...rows.map(({ desired = 0, current = 0 }) => Math.max(desired, current))) + 1
const jobsAt = scale(panels.load, mostJobs)
const copiesAt = scale(panels.copies, mostCopies)
const bottom = copiesAt(0)

/** Times without an answer of the registry; before the first one nothing was decided. */
const away: { from: number, to: number }[] = []
for (const { seconds, desired } of rows.slice(rows.findIndex(({ desired }) => desired !== undefined))) {
  const last = away.at(-1)
  if (desired !== undefined) continue
  if (last?.to === seconds) last.to = seconds + 1
  else away.push({ from: seconds, to: seconds + 1 })
}

const label = (at: number, y: number, words: string, more = ''): string =>
  `<text x="${at}" y="${y}"${more}>${words}</text>`
const times = Array.from({ length: Math.floor(end / 30) + 1 }, (_, index) => index * 30)
const marks = (y: (value: number) => number, values: readonly number[]): string[] => values.flatMap((value) => [
  `<path class="grid" d="M${size.left} ${y(value)}H${size.width - size.right}"/>`,
  label(size.left - 6, y(value) + 4, String(value), ' text-anchor="end"')
])

const counts = Array.from({ length: mostCopies + 1 }, (_, count) => count)
const height = bottom - panels.load.top
console.log([
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif"`,
  ' font-size="12"><style>path{fill:none;stroke-width:2}.grid{stroke:#ddd;stroke-width:1}.load{stroke:#888}',
  '.desired{stroke:#c4500c}.current{stroke:#1668a8}rect.all{fill:#fff}rect.away{fill:#f4d9d9}</style>',
  `<rect class="all" width="${size.width}" height="${size.height}"/>`,
  ...away.map(({ from, to }) => {
    const width = round(x(to) - x(from))
    return `<rect class="away" x="${x(from)}" y="${panels.load.top}" width="${width}" height="${height}"/>`
  }),
  ...marks(jobsAt, [0, mostJobs / 2, mostJobs]),
  ...marks(copiesAt, counts.filter((count) => count % Math.ceil(mostCopies / 6) === 0)),
  `<path class="load" d="${steps(({ jobs }) => jobs, jobsAt)}"/>`,
  `<path class="current" d="${steps(({ current }) => current, copiesAt)}"/>`,
  `<path class="desired" d="${steps(({ desired }) => desired, copiesAt)}" stroke-dasharray="5 3"/>`,
  label(size.left, panels.load.top - 10, 'jobs a second'),
  label(size.left, panels.copies.top - 10,
    'copies: <tspan fill="#c4500c">desired</tspan>, <tspan fill="#1668a8">counted</tspan>'),
  ...(away.length === 0 ? [] : [label(
    size.width - size.right, panels.load.top - 10, 'red: the registry was away', ' text-anchor="end" fill="#a33"')]),
  ...times.map((seconds) => label(x(seconds), bottom + 18, `${seconds} s`, ' text-anchor="middle"')),
  '</svg>'
].join('\n'))
