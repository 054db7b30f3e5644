// The configurations of docs/guides, so that the tests run what the pages say.
import { readFile } from 'node:fs/promises'

/**
 * A code block of a guide.
 * @param page such as `bind`
 * @param marker what only this block has
 * @param changes what a test has to say in other words, its ports above all. Each must be there.
 */
export async function guideBlock (page: string, marker: string, changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const text = await readFile(new URL(`../../docs/guides/${page}.md`, import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, block = '']) => block).filter((block) => block.includes(marker))
  if (blocks.length !== 1) throw new Error(`docs/guides/${page}.md has ${blocks.length} blocks with ${marker}, one is wanted`)
  return Object.entries(changes).reduce((block, [words, others]) => {
    if (!block.includes(words)) throw new Error(`docs/guides/${page}.md, ${marker}: no ${words} to replace`)
    return block.replaceAll(words, others)
  }, blocks[0] ?? '')
}
