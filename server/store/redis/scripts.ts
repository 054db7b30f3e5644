// Reads the Lua files at start-up. `--@include name: what is used of it` is replaced by the text of name.lua.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { keyCount } from './keys.ts'

export interface Script {
  readonly name: string
  readonly text: string
  readonly sha: string
}

const read = (name: string): string => readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')

function load (name: string): Script {
  const text = read(`${name}-${keyCount}`).replaceAll(/^--@include (\w+)(?::.*)?$/gm, (_line, part: string) => read(part))
  return { name, text, sha: shaOf(text) }
}

/** The same script for a Redis that is full: what it does then needs no memory. */
function whenFull (script: Script): Script {
  const text = script.text.replace(/^#!lua\n/, '#!lua flags=allow-oom\n').replace('local isFull = false\n', 'local isFull = true\n')
  return { name: `${script.name} when full`, text, sha: shaOf(text) }
}

function shaOf (text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

const grant = load('grant')
const commit = load('commit')

export const scripts = {
  init: load('init'),
  mend: load('mend'),
  term: load('term'),
  raise: load('raise'),
  grant,
  /** Only renews what is registered so already. */
  grantWhenFull: whenFull(grant),
  revise: load('revise'),
  revoke: load('revoke'),
  renew: load('renew'),
  lose: load('lose'),
  expire: load('expire'),
  commit,
  /** For deletions only. */
  commitWhenFull: whenFull(commit),
  repropose: load('repropose'),
  keepLoads: load('keep-loads'),
  readLoads: load('read-loads'),
  writeNotes: load('write-notes'),
  readNotes: load('read-notes'),
  claim: load('claim')
} as const
