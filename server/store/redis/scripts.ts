// Reads the Lua files at start-up. `--@include name` is replaced by the text of name.lua.
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
  const text = read(`${name}-${keyCount}`).replaceAll(/^--@include (\w+)$/gm, (_line, part: string) => read(part))
  return { name, text, sha: createHash('sha1').update(text).digest('hex') }
}

export const scripts = {
  init: load('init'),
  term: load('term'),
  grant: load('grant'),
  revise: load('revise'),
  revoke: load('revoke'),
  renew: load('renew'),
  lose: load('lose'),
  expire: load('expire'),
  commit: load('commit'),
  repropose: load('repropose')
} as const
