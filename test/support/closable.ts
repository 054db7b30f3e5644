// What a helper needs of a test, and what many tests need: something that is gone when the test has ended.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A test, for what is closed with it. */
export interface Closable {
  teardown (callback: () => unknown): void
}

/** A directory of its own. */
export async function temporaryDirectory (t: Closable): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rollcall-test-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}
