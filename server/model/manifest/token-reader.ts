// The parser's tokens of a text, one after the other, within the limits of a document and of the stream.
import { type CST, Lexer, Parser } from 'yaml'
import { DocumentFault } from './manifest-faults.ts'
import { type ManifestLimits, tokensPerStep } from './manifest-limits.ts'

export class TokenReader {
  readonly #limits: ManifestLimits
  /** Of all texts of the stream. */
  #tokens = 0

  constructor (limits: ManifestLimits) {
    this.#limits = limits
  }

  /** The parser's own loop, which checks each token before it keeps it. Gives undefined for a step without a token. */
  * read (text: string): Generator<CST.Token | undefined> {
    const { maxDepth, maxDocumentTokens, maxTokens, maxDocumentLength } = this.#limits
    const parser = new Parser()
    let [count, depth, offset] = [0, 0, 0]
    // The lexer makes one token of a text of megabytes, so the length is looked at before it begins.
    const marks = /(?:^|\n)(?:---|\.\.\.)(?=\s|$)/g
    let end = 0
    const lookAhead = (): void => {
      while (offset >= end && end < text.length) {
        const begin = end
        end = marks.exec(text) === null ? text.length : marks.lastIndex
        if (end - begin > maxDocumentLength) throw new DocumentFault('document', `must not be longer than ${maxDocumentLength} characters`, begin)
      }
    }
    lookAhead()
    for (const lexeme of new Lexer().lex(text)) {
      if (++count > maxDocumentTokens) throw new DocumentFault('document', `must not have more than ${maxDocumentTokens} tokens`, offset)
      if (++this.#tokens > maxTokens) throw new DocumentFault('document', `must not be part of a stream of more than ${maxTokens} tokens`, offset)
      if (lexeme === '[' || lexeme === '{') depth++
      else if (lexeme === ']' || lexeme === '}') depth--
      if (depth > maxDepth) throw new DocumentFault('document', `must not nest deeper than ${maxDepth} levels`, offset)
      if (!isMark(lexeme)) offset += lexeme.length
      lookAhead()
      for (const token of parser.next(lexeme)) {
        if (token.type === 'document') [count, depth] = [0, 0]
        yield token
      }
      if (count % tokensPerStep === 0) yield undefined
    }
    yield * parser.end()
  }
}

/** The lexer's own marks (document, end of flow, scalar) stand for no text. */
function isMark (lexeme: string): boolean {
  return lexeme === '\x02' || lexeme === '\x18' || lexeme === '\x1f'
}
