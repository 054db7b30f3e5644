// A line of a command's words, in colours or not, and what keeps a text from driving a terminal.

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'gray' | 'bold'

export interface Piece {
  readonly text: string
  readonly colour?: Colour | undefined
}

/** One line: a text, or pieces of which some are coloured. */
export type Line = string | { readonly pieces: readonly Piece[] }

/** A text in a colour, where colours are wanted. */
export function coloured (text: string, colour: Colour | undefined, colours: boolean): Line {
  return colours && colour !== undefined ? { pieces: [{ text, colour }] } : text
}

/** Several texts one behind the other as one line. */
export function joined (parts: readonly Line[]): Line {
  if (parts.every((part) => typeof part === 'string')) return parts.join('')
  return { pieces: parts.flatMap((part): readonly Piece[] =>
    (typeof part === 'string' ? [{ text: part }] : part.pieces)) }
}

// Cc: C0 with ESC, CR and line ends, DEL, C1. Cf: the marks that turn the direction of writing (Trojan Source),
// zero-width ones, tags. Zl, Zp: separators of lines and paragraphs. Cs: halves of a pair. Default ignorable: all else
// that shows nothing, fillers among it.
const dangerous = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu

/**
 * A text with its control characters and invisible marks written out, as in JSON: inside of a JSON text it means the
 * same.
 * @example harmless('a\u001b[2J') // 'a\\u001b[2J'
 */
export function harmless (text: string): string {
  return text.replaceAll(dangerous, (character) => {
    let escaped = ''
    for (let index =
      0; index < character.length; index++) escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
    return escaped
  })
}
