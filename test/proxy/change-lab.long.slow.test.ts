// Connections while everything changes: endpoints come and go, the agent is killed and started, the rules are replaced, the
// registry is away. None fails. And a UDP client with one source port goes on with the endpoints that are there.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Lab, noLab } from '../support/lab.ts'

const manifests = `
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { clusterIP: 10.96.0.10, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp }, { name: udp, protocol: UDP, port: 53, targetPort: udp } ] } }
`
const connections = 8_000
const swaps = 25

/** Connects again and again, 32 at a time, and counts; says when there were enough, and goes on until it is ended. */
const loading = `
  const [address, port, enough] = process.argv.slice(1)
  let [done, failed] = [0, 0]
  const connect = () => {
    let answer = ''
    const socket = require('node:net').connect(Number(port), address, () => socket.end('x'))
    socket.on('data', (chunk) => { answer += chunk })
    socket.on('error', (error) => { console.log('failed: ' + error.message) })
    socket.on('close', () => {
      done++
      if (!/^[ab] /.test(answer)) failed++
      if (done === Number(enough)) console.log('enough')
      connect()
    })
  }
  for (let count = 0; count < 32; count++) connect()
  console.log('loading')
  process.on('SIGTERM', () => { console.log('done ' + done + ' failed ' + failed); process.exit() })
`
/** One socket with one source port: each answer is followed by the next question. Says whose answers they are. */
const pinging = `
  const [address, port] = process.argv.slice(1)
  const socket = require('node:dgram').createSocket('udp4')
  let from = ''
  socket.on('message', (message) => {
    const [name] = String(message).split(' ')
    if (name !== from) console.log('from ' + (from = name))
    socket.send('x', Number(port), address)
  })
  socket.bind(40000, () => socket.send('x', Number(port), address))
`

t.test('no connection fails', { skip: noLab, timeout: 110_000 }, async (t) => {
  const lab = await Lab.start(t, { r: '10.77.0.9', g: '10.77.0.8', a: '10.77.0.1', b: '10.77.0.2' })
  for (const machine of ['a', 'b']) await lab.answer(t, machine)
  const environment = { ROLLCALL_ADDRESS: 'http://10.77.0.9:7500' }
  const startRegistry = async () => {
    const child = lab.start(t, 'r', ['server/main.ts', 'serve', '--http', '10.77.0.9:7500', '--dns', 'off', '--insecure', '--data', join(lab.directory, 'data')])
    await child.line(/"http":/)
    return child
  }
  let registry = await startRegistry()
  const call = async (method: string, path: string, body?: object): Promise<void> => {
    const { out, code } = await lab.run('r', 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', '-X', method, `http://10.77.0.9:7500${path}`,
      ...(body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)]))
    if (code !== 0 || !/^2/.test(out)) throw new Error(`${method} ${path}: ${out}`)
  }
  const instance = (id: string): string => `/v1/namespaces/default/services/web/instances/${id}`
  const register = (id: string): Promise<void> => call('PUT', instance(id), {
    address: lab.address(id), generation: '1', lease: { ttlMs: 3_600_000 }, labels: { app: 'web' }, ports: [{ name: 'tcp', port: 8080 }, { name: 'udp', port: 8053, protocol: 'UDP' }]
  })
  await register('a')
  const apply = lab.start(t, 'r', ['server/main.ts', 'apply', '-f', writeManifests(lab)], environment)
  t.equal((await apply.ended).code, 0)
  const startAgent = async () => {
    const agent = lab.start(t, 'g', ['server/main.ts', 'proxy', '--node', 'g', '--mode', 'kernel', '--state', join(lab.directory, 'state')], environment)
    await agent.line(/carrying \d+ addresses/)
    return agent
  }
  let agent = await startAgent()
  const ping = lab.start(t, 'g', ['-e', pinging, '10.96.0.10', '53'])
  await ping.line(/from a/)
  const load = lab.start(t, 'g', ['-e', loading, '10.96.0.10', '80', String(connections)])
  await load.line(/loading/)

  for (let swap = 1; swap <= swaps; swap++) {
    const [comes, goes] = swap % 2 === 1 ? ['b', 'a'] : ['a', 'b']
    await register(comes)
    await call('DELETE', instance(goes))
  }
  await ping.line(/from b/)
  agent.process.kill('SIGKILL')
  await agent.ended
  agent = await startAgent()
  agent.process.kill('SIGTERM')
  t.equal((await agent.ended).code, 0)
  registry.process.kill('SIGKILL')
  await registry.ended
  agent = await startAgent()
  registry = await startRegistry()
  await register('a')
  await call('DELETE', instance('b'))
  await ping.lineCount(/from a/, 2)
  await load.line(/enough/)
  load.process.kill('SIGTERM')
  const [, done, failed] = /^done (\d+) failed (\d+)$/.exec(await load.line(/^done/)) ?? []
  t.equal(failed, '0', `of ${done} connections`)
  t.same(load.lines.filter((line) => line.startsWith('failed')), [])
  t.ok(Number(done) >= connections)
})

function writeManifests (lab: Lab): string {
  const path = join(lab.directory, 'services.yaml')
  writeFileSync(path, manifests)
  return path
}
