// What stands in a keyspace's hash `meta`, and of which type its keys are: another hand may have written there. What is wrong is named by key
// and field; what the log still tells is put right (scripts/mend), the rest waits for a person.
import { randomBytes } from 'node:crypto'
import { isForeignKey, messageOf, SessionFault, SettingFault } from './faults.ts'
import type { Keys } from './keys.ts'
import type { KeyspaceParts } from './link-settings.ts'
import { scripts } from './scripts.ts'
import type { Session } from './session.ts'
import type { Ask } from './snapshot.ts'

/** The layout of the keyspace that this code writes (`schema`, set by scripts/init). */
const schema = 1

/** A keyspace that no node can work with until a person has mended it. A node waits for that, and says what is wrong. */
export class DamageFault extends Error {
  override readonly name = 'DamageFault'
}

type Fields = Readonly<Record<string, string>>

const number = /^\d{1,15}$/ // a revision stays a safe integer, and Lua writes it without an exponent
const time = /^\d{1,15}(\.\d+)?$/

const rules: Readonly<Record<string, RegExp>> = {
  epoch: /^[\w.-]{1,64}$/, rev: number, term: number, base: number, first: number, floor: number, logged: number, maxlen: number, maxbytes: number,
  void: /^(\d{1,15}-\d{1,15}(,\d{1,15}-\d{1,15})*)?$/, began: time, tick: time, hold: time, window: time, prot: time, pull: /^\d{0,20}$/
}
/** They may be empty, and then have been written so. */
const fieldsWithEmpty: ReadonlySet<string> = new Set(['void', 'pull'])

const types: Readonly<Record<Exclude<keyof Keys, 'all'>, string>> = {
  meta: 'hash', inst: 'hash', idx: 'hash', exp: 'zset', log: 'stream', sus: 'set', tomb: 'hash', svc: 'hash', obj: 'hash', ends: 'zset', prot: 'hash', shown: 'hash',
  ttls: 'hash', loads: 'hash', loadseq: 'zset', notes: 'hash'
}

/** The fields of META that no script can work with, with their values; '' is a missing one. */
export function damagedFields (meta: Fields): readonly (readonly [field: string, value: string])[] {
  return Object.entries(rules).flatMap(([field, rule]) => {
    const value = meta[field]
    return value !== undefined && rule.test(value) || value === undefined && field === 'pull' ? [] : [[field, value ?? ''] as const]
  })
}

/**
 * @returns the epoch, or undefined for a keyspace that is not begun
 * @throws SettingFault for a `meta` that is another program's, or a layout that is newer
 * @throws DamageFault for what nobody but a person can put right
 */
export async function checkMeta (session: Session, { keys, settings, logger }: KeyspaceParts): Promise<string | undefined> {
  await checkTypes(session.ask, keys)
  const last = await newestEntry(session.ask, keys) // before `meta`: a keyspace that another node begins meanwhile has both at once
  const meta = await readMeta(session.ask, keys)
  checkSchema(meta, keys)
  if (Object.keys(meta).length === 0 && last === undefined) return undefined
  const damaged = damagedFields(meta)
  if (damaged.length === 0) return meta.epoch
  const epoch = randomBytes(6).toString('hex')
  session.epoch = epoch
  const [verdict] = await session.reply(scripts.mend, [settings.maxLogLength, settings.maxLogBytes, ...damaged.flat()]) as [string] // scripts/mend: one word
  const what = damaged.map(([field, value]) => says(keys, field, value)).join('; ')
  if (verdict === 'LOG') throw new DamageFault(`${what}; and the log ${keys.log} is empty, so that nothing tells the revision: set the field rev above the revision of every record`)
  if (verdict !== 'OK') throw new SessionFault('the keyspace changed while connecting')
  logger.warn({ key: keys.meta, damaged: Object.fromEntries(damaged.map(([field, value]) => [field, shown(value)])) }, 'redis: put right what another hand did to the keyspace; a new term begins')
  return meta.epoch !== undefined && !damaged.some(([field]) => field === 'epoch') ? meta.epoch : epoch
}

/** After a quiet round: is it still what scripts can work with? @throws SessionFault if the next session has to put it right, others as checkMeta */
export async function lookAtMeta (ask: Ask, keys: Keys): Promise<void> {
  const meta = await readMeta(ask, keys)
  checkSchema(meta, keys)
  const [damage] = damagedFields(meta)
  if (damage !== undefined) throw new SessionFault(says(keys, ...damage))
}

async function readMeta (ask: Ask, keys: Keys): Promise<Fields> {
  const names = ['schema', ...Object.keys(rules)]
  const values = await ask((client) => client.hmget(keys.meta, ...names)).catch((error: unknown) => {
    throw isForeignKey(error) ? foreignKeyspace(keys) : error
  }) as (string | null)[]
  return Object.fromEntries(names.flatMap((name, index) => (typeof values[index] === 'string' ? [[name, values[index]]] : [])))
}

/** @throws SettingFault for `meta`, which names the keyspace, DamageFault for another key */
async function checkTypes (ask: Ask, keys: Keys): Promise<void> {
  const names = Object.keys(types) as (keyof typeof types)[]
  const found = await Promise.all(names.map((name) => ask((client) => client.type(keys[name])))).catch((error: unknown) => {
    if (/^NOPERM\b/.test(messageOf(error))) return [] // a user of before, who may not ask for types: the command that meets it will say it
    throw error
  }) as string[]
  for (const [index, name] of names.entries()) {
    const type = found[index]
    if (type === undefined || type === 'none' || type === types[name]) continue
    if (name === 'meta') throw foreignKeyspace(keys)
    throw new DamageFault(`the key ${keys[name]} of Redis is a ${type}, where a registry has a ${types[name]}: rename or delete it, or use another --redis-prefix`)
  }
}

function foreignKeyspace (keys: Keys): SettingFault {
  return new SettingFault(`the key ${keys.meta} of this Redis is not a registry's: another program has it, use another --redis-prefix`)
}

function checkSchema (meta: Fields, keys: Keys): void {
  const written = meta.schema ?? String(schema)
  if (!number.test(written)) {
    throw new DamageFault(`${says(keys, 'schema', written)}: set it to the number of the layout, which is ${schema} for this version`)
  }
  if (Number(written) > schema) {
    throw new SettingFault(`Redis holds the data of a newer Rollcall (schema ${written}, this one knows ${schema}): upgrade this node or use another --redis-prefix`)
  }
}

/** The revision of the log's newest entry, undefined = there is none. @throws DamageFault if no revision can follow it */
async function newestEntry (ask: Ask, keys: Keys): Promise<string | undefined> {
  const [entry] = await ask((client) => client.call('XREVRANGE', keys.log, '+', '-', 'COUNT', 1)) as [id: string][] // XREVRANGE gives entries
  const revision = entry?.[0].split('-')[0]
  if (revision !== undefined && !number.test(revision)) {
    throw new DamageFault(`the log ${keys.log} of Redis ends with the entry ${entry?.[0]}, behind which no revision has room: delete that entry (XDEL) and lower the log's last id (XSETID)`)
  }
  return revision
}

function says (keys: Keys, field: string, value: string): string {
  if (value === '' && !fieldsWithEmpty.has(field)) return `the field ${field} of the key ${keys.meta} of Redis is missing`
  return `the field ${field} of the key ${keys.meta} of Redis is ${shown(value)}, which a registry does not write`
}

/** Whatever another hand wrote is told in part. */
function shown (value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
}
