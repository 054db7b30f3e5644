// What the server classes of dns2 do on this machine: the same kind of answer, composed for each question.
import dns2 from 'dns2'

const { Packet } = dns2
const server = dns2.createServer({
  udp: true,
  handle: (request, send) => {
    const answer = Packet.createResponseFromRequest(request)
    const [question] = request.questions
    answer.answers.push(new Packet.Resource({ name: question?.name ?? '', type: Packet.TYPE.A, class: Packet.CLASS.IN, ttl: 5, address: '10.0.0.1' }))
    void send(answer)
  }
})
const addresses = await server.listen({ udp: { port: 0, address: '127.0.0.1' } })
console.log(JSON.stringify({ msg: 'ready', http: '', dns: `127.0.0.1:${addresses.udp?.port}` }))
