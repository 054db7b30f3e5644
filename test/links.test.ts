// The pages of the repository point to each other: each link to a file or a heading leads there.
import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '..')

/** The text without what is shown as code: nothing in it is a link. */
function prose (markdown: string): string {
  return markdown.replaceAll(/^(```|~~~)[^]*?^\1/gm, '').replaceAll(/^ {4}.*$/gm, '').replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''))
}

/** The anchors that GitHub makes of the headings. */
function anchors (markdown: string): Set<string> {
  const headings = [...prose(markdown).matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(headings.map((heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')))
}

async function pages (): Promise<string[]> {
  const found = []
  for await (const path of glob('**/*.md', { cwd: root, exclude: (name) => /^(?:node_modules|data|coverage|dist|\.tap)$/.test(name.split('/').at(-1) ?? '') })) found.push(join(root, path))
  return found
}

t.test('every link between the pages leads somewhere', async (t) => {
  let count = 0
  for (const page of await pages()) {
    for (const [, target = ''] of prose(await readFile(page, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue // elsewhere, and not for us to keep
      count++
      const [path = '', anchor] = decodeURI(target).split('#')
      const file = path === '' ? page : join(dirname(page), path)
      const name = `${relative(root, page)} -> ${target}`
      if (!existsSync(file)) t.fail(`${name}: no such file`)
      else if (anchor !== undefined && !anchors(await readFile(file, 'utf8')).has(anchor)) t.fail(`${name}: no such heading`)
    }
  }
  t.ok(count > 30, `${count} links`)
})

t.test('every guide is in the index, and the index in the README', async (t) => {
  const index = await readFile(join(root, 'docs/guides/README.md'), 'utf8')
  for (const page of await pages()) {
    if (dirname(page) !== join(root, 'docs/guides') || page.endsWith('README.md')) continue
    t.match(index, `](${relative(join(root, 'docs/guides'), page)})`)
  }
  t.match(await readFile(join(root, 'README.md'), 'utf8'), '](docs/guides/README.md)')
})
