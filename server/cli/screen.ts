// The one way of a command's words to the terminal: every line, of every command and to either stream, is written with
// its control characters and invisible marks spelled out. What comes from a registry, or from a program that registered there,
// never drives a terminal.
import { styleText } from 'node:util'
import { harmless, type Line } from './line.ts'
import type { Terminal } from './terminal.ts'

/**
 * A terminal whose lines are made harmless. A list is several lines; a line end within a text is spelled out like any
 * other control.
 */
export interface Screen extends Omit<Terminal, 'out' | 'err'> {
  out (lines: Line | readonly Line[]): void
  err (lines: Line | readonly Line[]): void
}

/** The screen of a terminal. */
export function screenOf (terminal: Terminal): Screen {
  const write = (sink: (text: string) => void, lines: Line | readonly Line[]): void => {
    for (const line of isList(lines) ? lines : [lines]) sink(plainLine(line))
  }
  // Not a copy: a reader of `signal` takes over the end of the process, and a copy would read it.
  return Object.create(terminal, {
    out: { value: (lines: Line | readonly Line[]) => { write((text) => { terminal.out(text) }, lines) } },
    err: { value: (lines: Line | readonly Line[]) => { write((text) => { terminal.err(text) }, lines) } }
  }) as Screen // the terminal with two members of its own
}

const isList = (lines: Line | readonly Line[]): lines is readonly Line[] => Array.isArray(lines)

function plainLine (line: Line): string {
  if (typeof line === 'string') return harmless(line)
  return line.pieces.map(({ text, colour }) => {
    const shown = harmless(text)
    return colour === undefined ? shown : styleText(colour, shown, { validateStream: false })
  }).join('')
}
