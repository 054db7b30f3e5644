// What would change, as people read it everywhere: lines with + and -, some lines around them, and where they are.

/** Lines around a change that are shown. */
const context = 3
/** Cells of the table of the comparison: beyond that the differing part is shown as replaced, rather than a person kept waiting. */
const maxCells = 4_000_000

type Edit = readonly [mark: ' ' | '+' | '-', line: string]

/** The hunks that make `after` of `before`; empty if they are the same. */
export function lineDiff (before: readonly string[], after: readonly string[]): string[] {
  const edits = editsOf(before, after)
  const shown = edits.map(([mark], index) => mark !== ' ' ||
    edits.slice(Math.max(0, index - context), index + context + 1).some(([near]) => near !== ' '))
  const lines: string[] = []
  let [beforeLine, afterLine] = [1, 1]
  for (let index = 0; index < edits.length;) {
    if (shown[index] !== true) {
      beforeLine++
      afterLine++
      index++
      continue
    }
    let end = index
    while (shown[end] === true) end++
    const hunk = edits.slice(index, end)
    const olds = hunk.filter(([mark]) => mark !== '+').length
    const news = hunk.filter(([mark]) => mark !== '-').length
    lines.push(`@@ -${rangeText(beforeLine, olds)} +${rangeText(afterLine, news)} @@`, ...hunk.map(([mark, line]) => mark + line))
    beforeLine += olds
    afterLine += news
    index = end
  }
  return lines
}

/** As diff -u has it: an empty range stands behind the line before it. */
const rangeText = (line: number, count: number): string => `${count === 0 ? line - 1 : line}${count === 1 ? '' : `,${count}`}`

function editsOf (before: readonly string[], after: readonly string[]): Edit[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => [' ', line])
  return [
    ...same(before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail))
  ]
}

/** By the longest common subsequence. */
function middle (before: readonly string[], after: readonly string[]): Edit[] {
  const replaced: Edit[] = [...before.map((line): Edit => ['-', line]), ...after.map((line): Edit => ['+', line])]
  if (before.length === 0 || after.length === 0 || before.length * after.length > maxCells) return replaced
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      lengths[row * width + column] = before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const edits: Edit[] = []
  let [row, column] = [0, 0]
  while (row < before.length || column < after.length) {
    const [old = '', now = ''] = [before[row], after[column]]
    if (row < before.length && column < after.length && old === now) {
      edits.push([' ', old])
      row++
      column++
    } else if (row < before.length && (column >= after.length || at(row + 1, column) >= at(row, column + 1))) {
      edits.push(['-', old])
      row++
    } else {
      edits.push(['+', now])
      column++
    }
  }
  return edits
}
