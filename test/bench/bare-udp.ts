// What Node can do at most over UDP: every datagram gets the same octets, with the id of the question. No DNS is read.
import { createSocket } from 'node:dgram'

const octets = Number(process.argv[2] ?? 64)
const answer = Buffer.alloc(octets)
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024, lookup: (address, _options, callback) => callback(null, address, 4) })
socket.on('message', (question, { port, address }) => {
  // As much of the question as there is room for, so that the client takes it for an answer.
  question.copy(answer, 0, 0, Math.min(question.length, octets))
  answer[2] = 0x84 // QR, AA
  answer[3] = 0
  socket.send(answer, 0, octets, port, address)
})
socket.bind(0, '127.0.0.1', () => console.log(JSON.stringify({ msg: 'ready', http: '', dns: `127.0.0.1:${socket.address().port}` })))
