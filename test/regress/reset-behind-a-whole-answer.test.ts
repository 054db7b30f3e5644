// Over HTTP/2 a GET was answered, and then its stream was reset with NO_ERROR, as if the rest of the request were not wanted. Go takes that
// for an answer that broke off: kubectl could not read from a listener with TLS.
import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { authority } from '../support/certificate.ts'
import { build } from '../support/world.ts'

const [data, headers, reset, settings] = [0, 1, 3, 4]
const endStream = 1
const endHeaders = 4

/** RFC 9113 4.1 */
function frame (type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 6.2.2: a value of a name in the static table, as it is. */
function literal (name: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)])
}

t.test('the stream of a request that has arrived whole is not reset behind its answer', async (t) => {
  const { http } = await build(t)
  const ours = authority()
  const [url = ''] = await http.listen({ host: '127.0.0.1', port: 0, tls: ours.issue() })
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca: ours.cert, ALPNProtocols: ['h2'] })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  const request = Buffer.concat([Buffer.from([0x82, 0x87]), literal(4, '/livez'), literal(1, '127.0.0.1')]) // GET, https
  socket.write(Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(settings, 0, 0, Buffer.alloc(0)),
    frame(headers, endStream | endHeaders, 1, request), frame(headers, endStream | endHeaders, 3, request)
  ]))
  const seen: { readonly type: number, readonly stream: number, readonly isEnd: boolean }[] = []
  let bytes = Buffer.alloc(0)
  const ended = (stream: number): boolean => seen.some((each) => each.stream === stream && each.isEnd)
  // The answer to one more request tells that nothing follows the others.
  let isAsked = false
  while (!ended(5)) {
    bytes = Buffer.concat([bytes, ...await once(socket, 'data') as [Buffer]])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const length = bytes.readUIntBE(0, 3)
      const type = bytes.readUInt8(3)
      seen.push({ type, stream: bytes.readUInt32BE(5) & 0x7fffffff, isEnd: (type === data || type === headers) && (bytes.readUInt8(4) & endStream) !== 0 })
      bytes = bytes.subarray(9 + length)
    }
    if (isAsked || !ended(1) || !ended(3)) continue
    isAsked = true
    socket.write(frame(headers, endStream | endHeaders, 5, request))
  }
  t.same(seen.filter(({ type }) => type === reset), [])
})
