// Programs of the system that tests run: where they are, and the sentence with which a test is skipped where they are not.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** A program of the system, or undefined. Servers are in /usr/sbin, which is not in everybody's PATH. */
export function programPath (name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return directories.map((directory) => join(directory, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** For `skip`: false if all of them are there, else the sentence that says what is not. */
export function lacking (...names: readonly string[]): string | false {
  const missing = names.filter((name) => programPath(name) === undefined)
  return missing.length > 0 && `${missing.join(', ')} not installed: npm run test:setup`
}

export interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, thirty seconds at most. @throws if it can't be run, or says by its exit code that it failed */
export function output (name: string, ...args: readonly string[]): Promise<Output> {
  return promisify(execFile)(programPath(name) ?? name, args, { timeout: 30_000, env: { ...process.env, LC_ALL: 'C' } })
}
