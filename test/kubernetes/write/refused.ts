import { StatusError } from '../../../server/kubernetes/write/refusal.ts'

const common = 'the server rejected our request due to an error in our request: '

/** What a write was refused with: `400 BadRequest: ...`, without the sentence that many begin with. */
export function refused (write: () => unknown): string {
  try {
    write()
  } catch (error) {
    if (error instanceof StatusError) return `${error.status.code} ${error.status.reason}: ${error.message.replace(common, '')}`
    throw error
  }
  return 'not refused'
}
