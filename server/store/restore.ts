// Backups on disk: what kind of one a file is, whether it is whole, and how it becomes a registry again. No server is needed.
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RegistryError } from '../errors.ts'
import { type Exported, exportLines, exportMagic, readExport } from './export.ts'
import { restoreIntoRedis, type RestoreTarget } from './redis/restore.ts'
import { readDatabase, restoreIntoDirectory, type RestoreOptions } from './sqlite/restore.ts'
import { salvage } from './sqlite/salvage.ts'

export interface Contents {
  readonly from: string
  readonly objects: number
  readonly instances: number
}

/**
 * Reads a backup whole. @throws RegistryError REG_INVALID, REG_STORE_UNAVAILABLE if it is not a backup, damaged or cut
 * off
 */
export async function inspectBackup (path: string): Promise<Contents> {
  return contentsOf(await readBackup(path))
}

/** Into the data directory of a node that does not run. Gives what was restored, and where the registry is that was there. */
export async function restoreToDirectory (
  path: string, directory: string, options: RestoreOptions
): Promise<Contents & { readonly replaced: string | undefined }> {
  const isExport = kindOf(path) === 'export'
  const exported = await readBackup(path)
  const replaced = await restoreIntoDirectory(isExport ? exported : path, directory, options)
  return { ...contentsOf(exported), replaced }
}

/** Into a Redis on which no node runs. */
export async function restoreToRedis (path: string, target: RestoreTarget): Promise<Contents> {
  const exported = await readBackup(path)
  await restoreIntoRedis(exported, target)
  return contentsOf(exported)
}

/** What can be read of the file of a directory in which no server runs, as an export, and how many records are lost. */
export function salvageDirectory (directory: string): { readonly lines: Iterable<string>, readonly contents: Contents, readonly lost: number } {
  const salvaged = salvage(directory)
  return { lines: exportLines(salvaged.header, salvaged.objects, salvaged.instances), contents: contentsOf(salvaged), lost: salvaged.lost }
}

async function readBackup (path: string): Promise<Exported> {
  if (kindOf(path) === 'export') return readExport(path)
  const work = mkdtempSync(join(tmpdir(), 'rollcall-restore-'))
  try {
    return await readDatabase(path, work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function contentsOf ({ header, objects, instances }: Exported): Contents {
  return { from: header.from, objects: objects.length, instances: instances.length }
}

// https://www.sqlite.org/fileformat.html#magic_header_string
const databaseMagic = 'SQLite format 3\0'

function kindOf (path: string): 'database' | 'export' {
  const file = openSync(path, 'r')
  const start = Buffer.alloc(32)
  try {
    readSync(file, start, 0, start.length, 0)
  } finally {
    closeSync(file)
  }
  const text = start.toString('latin1')
  if (text.startsWith(databaseMagic)) return 'database'
  if (text.startsWith(exportMagic)) return 'export'
  throw new RegistryError('REG_INVALID', `${path} is no backup: it is neither a file of SQLite nor an export`)
}
