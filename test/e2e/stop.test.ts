// A node that gets SIGTERM ends within its grace, with 0, in whatever state its connections are, and answers requests meanwhile.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UdpClient } from '../support/dns-client.ts'
import { selfSigned } from '../support/certificate.ts'
import { idleKinds, plain, type Places } from './connection-kinds.ts'
import { call, instancePath, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

/** So long that no test would see the end of it: a node that waits for it fails by the time limit of the file. */
const forEver = ['--shutdown-grace', '10m']

async function placesOf (t: Test, args: readonly string[] = []): Promise<Places> {
  const directory = await temporaryDirectory(t)
  const { cert, key } = selfSigned()
  writeFileSync(join(directory, 'cert.pem'), cert)
  writeFileSync(join(directory, 'key.pem'), key)
  const node = await startNode(t, [
    '--data', join(directory, 'data'), '--dns-tls', '127.0.0.1:0', '--dns-tls-cert', join(directory, 'cert.pem'), '--dns-tls-key', join(directory, 'key.pem'), ...args
  ])
  const { dnsTls } = JSON.parse(await node.line(/"msg":"ready"/)) as { dnsTls: string }
  await call('PUT', `${node.url}${instancePath('a')}`, { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
  return { ...node, dnsTls: Number(dnsTls.split(':')[1]) }
}

/** A resolver that answers a question only when the test says so. */
async function muteUpstream (t: Test): Promise<{ address: string, asked: Promise<unknown> }> {
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { address: `127.0.0.1:${socket.address().port}`, asked: once(socket, 'message') }
}

for (const workers of ['0', '1']) {
  t.test(`no connection holds the end, in whatever state it is; threads for DNS: ${workers}`, async (t) => {
    const node = await placesOf(t, [...forEver, '--dns-workers', workers])
    for (const open of Object.values(idleKinds)) await open(t, node)
    t.equal(await node.end('SIGTERM'), 0)
    const said = node.lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    t.same([said.includes('stopping (SIGTERM)'), said.at(-1)], [true, 'stopped'])
    t.same(said.filter((line) => line.startsWith('not everything ended')), [])
  })
}

t.test('work under way is finished: a forwarded question, and a body on its way', async (t) => {
  const upstream = await muteUpstream(t)
  const node = await placesOf(t, [...forEver, '--dns-forward', upstream.address])
  const client = new UdpClient(t, { port: node.dnsPort, address: node.dnsHost })
  const answer = client.query('elsewhere.example', 'A')
  await upstream.asked
  const { hostname, port } = new URL(node.url)
  const body = JSON.stringify({ address: '10.0.0.2' })
  const socket = await plain(t, hostname, Number(port), [
    `PUT ${instancePath('late')} HTTP/1.1`, 'Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${body.length}`, '', body.slice(0, 5)
  ].join('\r\n'))
  let text = ''
  socket.on('data', (chunk) => { text += String(chunk) })
  const closed = once(socket, 'close')
  await call('GET', `${node.url}/livez`) // the half body has arrived before this
  const ended = node.end('SIGTERM')
  await node.line(/stopping \(SIGTERM\)/)
  t.equal((await answer).rcode, 'SERVFAIL')
  socket.write(body.slice(5))
  await closed
  t.match(text, /^HTTP\/1\.1 201 Created\r\n[^]*connection: close/i)
  t.equal(await ended, 0)
})

t.test('work that takes longer than the grace is cut, with exit code 0 and a log line', async (t) => {
  const node = await placesOf(t, ['--shutdown-grace', '100ms'])
  const { hostname, port } = new URL(node.url)
  await plain(t, hostname, Number(port), `PUT ${instancePath('b')} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`)
  await call('GET', `${node.url}/livez`)
  t.equal(await node.end('SIGTERM'), 0)
  t.match(await node.line(/not everything ended/), /requests under way cut off/)
})

t.test('while clients still ask, HTTP and DNS answer; the node says that it is not ready, and refuses new watches', async (t) => {
  const node = await placesOf(t, forEver)
  const client = new UdpClient(t, { port: node.dnsPort, address: node.dnsHost })
  const ended = node.end('SIGTERM')
  await node.line(/stopping \(SIGTERM\)/)
  for (let round = 0; round < 50; round++) {
    t.equal((await client.query('orders.shop.svc.cluster.local', 'A')).answers.length, 1)
    t.equal((await call('GET', `${node.url}${instancePath('a')}`)).status, 200)
  }
  t.equal((await call('PUT', `${node.url}${instancePath('new')}`, { address: '10.0.0.3' })).status, 201)
  t.match((await call('GET', `${node.url}/readyz`)), { status: 503, body: { checks: [{ name: 'running' }] } })
  t.equal((await call('GET', `${node.url}/livez`)).status, 200)
  t.match((await call('GET', `${node.url}/v1/namespaces/shop/services/orders/endpoints?wait=60s`)), { status: 503, body: { code: 'REG_SHUTTING_DOWN' } })
  const events = await fetch(`${node.url}/v1/watch`, { headers: { accept: 'text/event-stream' } })
  t.equal(events.status, 503)
  await events.text()
  t.equal(await ended, 0)
})

t.test('SIGINT ends it as SIGTERM does, and SIGUSR1 opens no debugger', async (t) => {
  const node = await placesOf(t, forEver)
  process.kill(node.pid, 'SIGUSR1')
  t.equal((await call('GET', `${node.url}/livez`)).status, 200)
  t.equal(await node.end('SIGINT'), 0)
  t.same(node.lines.filter((line) => /[Dd]ebugger/.test(line)), [])
})
