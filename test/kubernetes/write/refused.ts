import { WriteRefusal } from '../../../server/kubernetes/write/refusal.ts'

/** What a write was refused with: `400 BadRequest: ...`. */
export function refused (write: () => unknown): string {
  try {
    write()
  } catch (error) {
    if (error instanceof WriteRefusal) return `${error.code} ${error.reason}: ${error.message}`
    throw error
  }
  return 'not refused'
}
