// Tables like kubectl's: columns of upper-case titles, padded by blanks, one line for each thing.
import { coloured, harmless, joined, type Colour, type Line } from './line.ts'

export interface Column<Row> {
  readonly title: string
  /** Shown with `-o wide` only. */
  readonly wide?: boolean
  readonly value: (row: Row) => string
  readonly colour?: (row: Row) => Colour | undefined
}

export interface TableOptions {
  readonly wide: boolean
  readonly colours: boolean
}

const gap = '   '

/** Prints rows under one heading; rows that come later keep the widths, as long as they fit. */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #colours: boolean
  readonly #widths: number[]
  #headed = false

  constructor (columns: readonly Column<Row>[], { wide, colours }: TableOptions) {
    this.#columns = columns.filter((column) => wide || column.wide !== true)
    this.#colours = colours
    this.#widths = this.#columns.map((column) => column.title.length)
  }

  /** The lines of these rows, the heading before the first ones. */
  lines (rows: readonly Row[]): Line[] {
    const cells = rows.map((row) => this.#columns.map((column) => harmless(column.value(row)) || '-'))
    for (const row of cells) row.forEach((cell, index) => { this.#widths[index] = Math.max(this.#widths[index] ?? 0, cell.length) })
    const heading = this.#headed ? [] : [this.#line(this.#columns.map((column) => column.title), () => undefined)]
    this.#headed = true
    return [...heading, ...cells.map((line, row) => this.#line(line, (column) => this.#colourOf(column, rows[row])))]
  }

  #colourOf (column: number, row: Row | undefined): Colour | undefined {
    return row === undefined ? undefined : this.#columns[column]?.colour?.(row)
  }

  #line (cells: readonly string[], colour: (column: number) => Colour | undefined): Line {
    const parts = cells.flatMap((cell, index): Line[] => {
      const blanks = index === cells.length - 1 ? '' : ' '.repeat((this.#widths[index] ?? 0) - cell.length) + gap
      return [coloured(cell, colour(index), this.#colours), blanks]
    })
    return joined(parts)
  }
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** How long ago, in at most two units, as kubectl writes it: `45s`, `3m20s`, `5h`, `12d`. */
export function age (sinceIso: string, nowMs: number): string {
  const elapsed = Math.max(0, nowMs - Date.parse(sinceIso))
  if (Number.isNaN(elapsed)) return '?'
  const whole = (unit: number): number => Math.floor(elapsed / unit)
  const two = (unit: number, letter: string, smaller: number, smallerLetter: string): string => {
    const rest = Math.floor((elapsed % unit) / smaller)
    return `${whole(unit)}${letter}${rest === 0 ? '' : `${rest}${smallerLetter}`}`
  }
  if (elapsed < 2 * minute) return `${whole(second)}s`
  if (elapsed < 10 * minute) return two(minute, 'm', second, 's')
  if (elapsed < 3 * hour) return `${whole(minute)}m`
  if (elapsed < 8 * hour) return two(hour, 'h', minute, 'm')
  if (elapsed < 2 * day) return `${whole(hour)}h`
  return elapsed < 8 * day ? two(day, 'd', hour, 'h') : `${whole(day)}d`
}
