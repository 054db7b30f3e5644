import t from 'tap'
import { UdpClient } from '../support/dns-client.ts'
import { call, instancePath, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

t.test('a node with DNS threads is ready when they are, shows what they count, and ends with them', async (t) => {
  const data = await temporaryDirectory(t)
  const first = await startNode(t, ['--data', data])
  const { status } = await call('PUT', first.url + instancePath('a'), { address: '10.0.0.1', lease: { ttlMs: 600_000 } })
  t.equal(status, 201)
  t.equal(await first.end('SIGTERM'), 0)

  const node = await startNode(t, ['--data', data, '--dns-workers', '2'])
  const [, , namespace, , service] = instancePath('a').split('/').slice(1)
  for (let count = 0; count < 20; count++) {
    const client = new UdpClient(t, { address: node.dnsHost, port: node.dnsPort })
    t.same((await client.query(`${service}.${namespace}.svc.cluster.local`, 'A')).answers.map(({ data: address }) => address), ['10.0.0.1'])
  }
  t.match(await (await fetch(`${node.url}/metrics`)).text(), 'rollcall_dns_queries_total{transport="udp",type="A",rcode="NOERROR"} 20')
  t.equal(await node.end('SIGTERM'), 0)
})
