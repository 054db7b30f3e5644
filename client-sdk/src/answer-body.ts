// Reads the text of an answer, up to a limit: what is longer is not read, however well it was compressed.
import { RollcallError } from './errors.ts'

/** As much of a `Response` as the SDK reads. */
export interface ResponseLike {
  readonly status: number
  readonly headers: { get (name: string): string | null }
  /** Where there is a stream it is read bit by bit; else `text()` is. */
  readonly body?: { getReader (): Reader } | null | undefined
  text (): Promise<string>
}

interface Reader {
  read (): Promise<{ readonly done: boolean, readonly value?: unknown }>
  cancel (reason?: unknown): Promise<unknown>
}

/**
 * @param read told of each piece, by its bytes
 * @throws RollcallError REGISTRY_ANSWER_TOO_LARGE
 */
export async function readText (response: ResponseLike, maxBytes: number, where: string, read: (bytes: number) => void): Promise<string> {
  const tooLarge = (): RollcallError => new RollcallError(
    'REGISTRY_ANSWER_TOO_LARGE', `${where}: the answer is longer than ${maxBytes} bytes (maxAnswerBytes)`
  )
  const announced = Number(response.headers.get('content-length') ?? 0)
  if (announced > maxBytes) {
    drop(response)
    throw tooLarge()
  }
  if (response.body === undefined || response.body === null) {
    const text = await response.text()
    if (text.length > maxBytes) throw tooLarge()
    return text
  }
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let length = 0
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    if (!(value instanceof Uint8Array)) throw new RollcallError('REGISTRY_BAD_ANSWER', `${where}: the answer is no stream of bytes`)
    length += value.byteLength
    read(value.byteLength)
    if (length > maxBytes) {
      reader.cancel().catch(() => {}) // the connection ends with it
      throw tooLarge()
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** Discards an answer that is not read. */
export function drop ({ body }: ResponseLike): void {
  try {
    body?.getReader().cancel().catch(() => {})
  } catch {} // it is being read elsewhere
}
