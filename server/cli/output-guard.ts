// Standard output that can't be written: a full disk, or a reader that has what it wanted.
import { exitCodes } from './errors.ts'

/**
 * Ends the process with one sentence when its output can't be written. That does not include the log: it has an output
 * of its own.
 */
export function guardOutput (): void {
  process.stderr.on('error', () => undefined) // the error cannot be shown anywhere
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `rollcall get instances | head -1`: the reader has what it wanted, that is no failure.
    if (error.code === 'EPIPE') process.exit(exitCodes.ok)
    process.stderr.write(`rollcall: standard output can't be written: ${outputFaults[error.code ?? ''] ?? error.message}\n`)
    process.exit(exitCodes.failure)
  })
}

const outputFaults: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full (ENOSPC)', EDQUOT: 'the disk quota is used up (EDQUOT)', EFBIG: 'the file is as large as it may be (EFBIG)', EIO: 'the device fails (EIO)'
}
