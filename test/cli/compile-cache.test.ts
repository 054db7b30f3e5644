// Where compiled modules are kept, and where they are not: what lies there is executed.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../support/closable.ts'
import { repository, runChild } from '../support/processes.ts'

interface CompileCache {
  readonly cacheDirectory: (env: Readonly<Record<string, string>>) => string | undefined
  readonly isOwn: (directory: string, uid?: number) => boolean
}

// The launcher's own files are JavaScript, and have no types.
const { cacheDirectory, isOwn } = await import(new URL('../../bin/compile-cache.js', import.meta.url).href) as CompileCache

const uid = process.getuid?.() ?? 0
const modeOf = (path: string): number => statSync(path).mode & 0o777

/** Runs `rollcall version`; gives what it wrote to stderr. */
async function version (t: Test, env: Readonly<Record<string, string>>): Promise<string> {
  const child = runChild(['bin/rollcall.js', 'version'], env, repository)
  t.equal((await child.ended).code, 0)
  t.match(child.lines[0], /^rollcall \d/)
  return child.errors()
}

t.test('it is the directory of the XDG specification, else the one in the home', async (t) => {
  t.equal(cacheDirectory({ XDG_CACHE_HOME: '/caches/ann' }), '/caches/ann/rollcall')
  t.match(cacheDirectory({ XDG_CACHE_HOME: 'relative' }) ?? '/.cache/rollcall', /\/\.cache\/rollcall$/)
  t.match(cacheDirectory({}) ?? '/.cache/rollcall', /\/\.cache\/rollcall$/)
})

t.test('a command leaves its modules in a directory that is its user\'s alone, also in a cache that is not there yet', async (t) => {
  const base = join(await temporaryDirectory(t), 'caches')
  t.equal(await version(t, { XDG_CACHE_HOME: base }), '')
  t.equal(modeOf(join(base, 'rollcall')), 0o700)
  t.equal(modeOf(base), 0o700)
  t.equal(readdirSync(join(base, 'rollcall')).length, 1, 'a directory for this version of Node')
})

t.test('without a home and without the variable a command runs as ever', async (t) => {
  t.equal(await version(t, { HOME: '/', XDG_CACHE_HOME: '' }), '')
})

t.test('nothing is kept where somebody else could have put it', async (t) => {
  const base = await temporaryDirectory(t)
  const table: [string, (path: string) => void][] = [
    ['a directory that others may write to', (path) => { mkdirSync(path); chmodSync(path, 0o777) }],
    ['one that the group may write to', (path) => { mkdirSync(path); chmodSync(path, 0o770) }],
    ['a link', (path) => { mkdirSync(`${path}-target`); symlinkSync(`${path}-target`, path) }],
    ['a file', (path) => { writeFileSync(path, '') }]
  ]
  for (const [what, make] of table) {
    const cache = join(base, what.replaceAll(' ', '-'))
    mkdirSync(cache, { mode: 0o700 })
    make(join(cache, 'rollcall'))
    t.notOk(isOwn(join(cache, 'rollcall')), what)
    t.equal(await version(t, { XDG_CACHE_HOME: cache }), '', what)
    for (const place of ['rollcall', 'rollcall-target']) {
      const path = join(cache, place)
      if (existsSync(path) && statSync(path).isDirectory()) t.same(readdirSync(path), [], `${what}: ${place}`)
    }
  }
  const shared = join(base, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o1777)
  t.notOk(isOwn(join(shared, 'rollcall')), 'a directory that all share, like the temporary one')
  t.notOk(existsSync(join(shared, 'rollcall')), 'nothing is made in it')
  const others = join(base, 'others')
  mkdirSync(others, { mode: 0o700 })
  if (uid === 0) chownSync(others, 2, 2) // what is root's is anybody's to use
  t.notOk(isOwn(join(others, 'rollcall'), uid + 1), 'the cache of another user, as with sudo and a HOME that stayed')
  t.notOk(existsSync(join(others, 'rollcall')), 'nothing is made in that either')
})

t.test('others lose the right to read what is there', async (t) => {
  const directory = join(await temporaryDirectory(t), 'rollcall')
  mkdirSync(directory)
  chmodSync(directory, 0o755)
  t.ok(isOwn(directory))
  t.equal(modeOf(directory), 0o700)
})

t.test('a cache that is no directory, or cannot be made, keeps nothing and stops nothing', async (t) => {
  const file = join(await temporaryDirectory(t), 'file')
  writeFileSync(file, '')
  for (const base of [file, join(file, 'below'), '/proc/nowhere', '/proc/nowhere/below', join(dirname(file), 'not', 'there')]) {
    t.notOk(isOwn(join(base, 'rollcall')), base)
    t.equal(await version(t, { XDG_CACHE_HOME: base }), '', base)
  }
  t.notOk(existsSync(join(dirname(file), 'not')), 'a home that is not there is not made')
})

t.test('who has set Node\'s own variable has chosen', async (t) => {
  const directory = await temporaryDirectory(t)
  await version(t, { XDG_CACHE_HOME: directory, NODE_DISABLE_COMPILE_CACHE: '1' })
  await version(t, { XDG_CACHE_HOME: directory, NODE_COMPILE_CACHE: join(directory, 'chosen') })
  t.same(readdirSync(directory), ['chosen'])
})
