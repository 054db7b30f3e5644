// The pages that describe the code name files and folders that exist, and the map leaves no folder of the server out.
import { existsSync } from 'node:fs'
import { glob, readFile, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '..')
/** Where a path in a page may begin; pages on one room of the server leave `server/` out. */
const homes = [root, join(root, 'server')]
const folders = '(?:server|client-sdk|test|lint|deploy|docs|bin|registry|store|model|http|dns|threads|config|cli|log|metrics|commands)'
const path = new RegExp(String.raw`^(?:${folders}/[\w./-]*|\w[\w.-]*\.(?:ts|js|lua))$`)

/** What stands in code marks and is a path of this repository. */
function named (page: string): string[] {
  return [...page.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code).filter((code) => path.test(code))
}

/** Everything below the folders of code, as paths from the root. */
async function files (): Promise<string[]> {
  const found: string[] = []
  for (const folder of ['server', 'client-sdk/src', 'lint', 'test']) {
    for await (const file of glob(`${folder}/**/*.{ts,js,lua}`, { cwd: root })) found.push(file)
  }
  return found
}

/** @param bare a file's name without a folder is enough, if there is such a file */
function isThere (name: string, all: readonly string[], bare: boolean): boolean {
  if (homes.some((home) => existsSync(join(home, name)))) return true
  return bare && all.some((file) => file.endsWith(`/${name}`))
}

t.test('each file and folder that the architecture names exists, by its whole path', async (t) => {
  const names = named(await readFile(join(root, 'docs/architecture.md'), 'utf8'))
  t.ok(names.length > 80, `${names.length} names`)
  for (const name of names) t.ok(existsSync(join(root, name)), name)
})

t.test('every folder of the server, two levels deep, is on the map', async (t) => {
  const page = await readFile(join(root, 'docs/architecture.md'), 'utf8')
  const entries = await readdir(join(root, 'server'), { withFileTypes: true, recursive: true })
  const paths = entries.filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
  const two = paths.filter((folder) => folder.split('/').length <= 3)
  t.ok(two.length > 20, `${two.length} folders`)
  for (const folder of two) t.ok(page.includes(`| \`${folder}/\` |`), `${folder}/ has a row`)
})

t.test('each file that a decision or the guide to contributing names exists', async (t) => {
  const all = await files()
  let count = 0
  for (const page of [...await decisions(), 'CONTRIBUTING.md']) {
    for (const name of named(await readFile(join(root, page), 'utf8'))) {
      count++
      t.ok(isThere(name, all, true), `${page}: ${name}`)
    }
  }
  t.ok(count > 10, `${count} names`)
})

t.test('a decision has its parts, stands in the index, and leans on nothing that is not in the repository', async (t) => {
  const index = await readFile(join(root, 'docs/decisions/README.md'), 'utf8')
  for (const page of await decisions()) {
    const text = await readFile(join(root, page), 'utf8')
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    for (const part of ['Context', 'Decision', 'Consequences']) t.ok(headings.includes(part), `${page} has ${part}`)
    t.ok(index.includes(`](${page.slice('docs/decisions/'.length)})`), `${page} is in the index`)
    t.notMatch(text, /\bthe design\b|\bdesign section\b/i, page)
  }
})

t.test('no comment leans on a design that is not in the repository', async (t) => {
  for (const file of await files()) {
    if (file === 'test/architecture.test.ts') continue
    t.notMatch(await readFile(join(root, file), 'utf8'), /\bthe design\b|\bdesign section\b/i, file)
  }
})

t.test('the README leads to every page of the reference, to the architecture and to the decisions', async (t) => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const pages = (await readdir(join(root, 'docs/reference'), { withFileTypes: true }))
    .map((entry) => (entry.isDirectory() ? `reference/${entry.name}/README.md` : `reference/${entry.name}`))
  for (const page of [...pages, 'architecture.md', 'decisions/README.md']) t.ok(readme.includes(`](docs/${page})`), page)
})

async function decisions (): Promise<string[]> {
  const names = await readdir(join(root, 'docs/decisions'))
  return names.filter((name) => /^\d{4}-/.test(name)).map((name) => `docs/decisions/${name}`)
}
