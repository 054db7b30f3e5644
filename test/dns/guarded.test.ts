// An error of ours while it reads a message of one client: that client's connection ends, the others and the listeners go on.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Guard } from '../../server/guard.ts'
import { TcpListener } from '../../server/dns/listen/tcp-listener.ts'
import { UdpListener } from '../../server/dns/listen/udp-listener.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import type { Responder } from '../../server/dns/responder.ts'
import type { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { UdpClient } from '../support/dns-client.ts'
import { HandClock } from '../support/hand-clock.ts'

const framed = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])

t.test('over UDP and TCP', async (t) => {
  const places: string[] = []
  const guard = new Guard({ count: (place) => places.push(place), log: () => undefined })
  // Only `respond` is called.
  const responder = {
    respond: (message: Buffer, _client: unknown, writer: MessageWriter) => {
      if (message.toString().startsWith('bad')) throw new Error('a fault of ours')
      return message.copy(writer.bytes)
    }
  } as unknown as Responder
  const options = { address: '127.0.0.1', family: 4, port: 0, responder, counters: new DnsCounters(), clock: new HandClock(), guard, report: () => undefined } as const
  const tcp = await TcpListener.listen({ ...options, maxConnections: 10 })
  const udp = await UdpListener.listen(options)
  t.teardown(() => Promise.all([udp.close(), tcp.close()]))

  const [one, other] = [connect(tcp.port, '127.0.0.1'), connect(tcp.port, '127.0.0.1')]
  t.teardown(() => other.destroy())
  one.write(framed('bad message with a header'))
  await once(one.resume(), 'close')
  other.write(framed('good message with a header'))
  t.equal(String((await once(other, 'data') as [Buffer])[0].subarray(2)), 'good message with a header')

  const client = new UdpClient(t, { port: udp.port, address: '127.0.0.1' })
  await client.send(Buffer.from('bad message with a header'))
  await client.send(Buffer.from('good message with a header'))
  t.equal(String(await client.receive()), 'good message with a header')
  t.same(places, ['dns-stream', 'dns-udp'])
})
