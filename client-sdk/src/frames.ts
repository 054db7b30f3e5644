// Frames of a WebSocket as a server sends them (RFC 6455 5.2), read from pieces of any size:
//
//   frame = FIN RSV(3) opcode(4) | MASK(1, must be 0) length(7) [ length(16) | length(64) ] payload

const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const
const maxControlBytes = 125

export interface FrameCalls {
  text (text: string): void
  ping (payload: Buffer): void
  close (reason: string): void
  /** What came is no frame, or too long: nothing after it is read. */
  fault (code: number, says: string): void
}

/** Gives what takes the pieces. @param maxBytes of a message, over all of its frames */
export function readFrames (maxBytes: number, calls: FrameCalls): (piece: Buffer) => void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let pieces: Buffer[] = []
  let held = 0
  /** What is needed before it makes sense to look again. */
  let needed = 2
  let message: Buffer[] = []
  let messageBytes = 0
  let isWithin = false
  let isOver = false

  const fail = (code: number, says: string): void => {
    isOver = true
    pieces = []
    message = []
    calls.fault(code, says)
  }

  const whole = (isFinal: boolean, payload: Buffer): void => {
    messageBytes += payload.length
    if (messageBytes > maxBytes) return fail(1009, `a frame is longer than ${maxBytes} bytes (maxAnswerBytes)`)
    message.push(payload)
    isWithin = !isFinal
    if (!isFinal) return
    const bytes = message.length === 1 ? payload : Buffer.concat(message, messageBytes)
    message = []
    messageBytes = 0
    let text: string
    try {
      text = decoder.decode(bytes)
    } catch {
      return fail(1007, 'a frame is no UTF-8')
    }
    calls.text(text)
  }

  /** Reads one frame at the beginning; gives its length, or undefined if it is not all here. */
  const frame = (bytes: Buffer): number | undefined => {
    const [first = 0, second = 0] = bytes
    const opcode = first & 15
    const isFinal = first >= 128
    const short = second & 127
    const headLength = short === 127 ? 10 : short === 126 ? 4 : 2
    needed = headLength
    if (bytes.length < headLength) return undefined
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
    const isControl = opcode >= 8
    const isKnown = Object.values(opcodes).includes(opcode as 0) && opcode !== (isWithin ? opcodes.text : opcodes.continuation)
    if ((first & 0x70) !== 0 || second >= 128 || !isKnown || (isControl && (!isFinal || length > maxControlBytes))) {
      fail(1002, 'what came is no frame of text')
      return undefined
    }
    if (!isControl && messageBytes + length > maxBytes) {
      fail(1009, `a frame is longer than ${maxBytes} bytes (maxAnswerBytes)`)
      return undefined
    }
    needed = headLength + length
    if (bytes.length < needed) return undefined
    const payload = bytes.subarray(headLength, needed)
    if (opcode === opcodes.ping) calls.ping(payload)
    else if (opcode === opcodes.close) {
      isOver = true
      calls.close(payload.subarray(2).toString())
    } else if (!isControl) whole(isFinal, payload)
    return needed
  }

  return (piece) => {
    if (isOver) return
    pieces.push(piece)
    held += piece.length
    if (held < needed) return
    let bytes = pieces.length === 1 ? piece : Buffer.concat(pieces, held)
    while (!isOver && bytes.length >= 2) {
      const length = frame(bytes)
      if (length === undefined) break
      bytes = bytes.subarray(length)
      needed = 2
    }
    pieces = [bytes]
    held = bytes.length
  }
}
