// Killed on a full disk, a node starts again: it answers reads and takes heartbeats, refuses writes with 507, and writes when there is room.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { call, instancePath } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

const holds = (script: string): boolean => spawnSync('unshare', ['-Urm', 'sh', '-c', script]).status === 0
/** A small disk of one process tree, as far as this machine lets its users make one. */
const noDisk = holds('mount -t tmpfs -o size=1m none /mnt') ? false : 'no user may mount a tmpfs here (unshare -Urm)'

t.test('a node that was killed on a full disk starts on it', { skip: noDisk }, async (t) => {
  const disk = await temporaryDirectory(t)
  const node = `"${process.execPath}" bin/rollcall.js serve --http 127.0.0.1:0 --dns off --data "${disk}/data"`
  // Both starts are on the same small disk, of which a part is taken by something else.
  const script = `mount -t tmpfs -o size=4m none "${disk}"; head -c 1500000 /dev/zero > "${disk}/rest"; ${node}; exec ${node}`
  const shell = spawn('unshare', ['-Urm', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]()
  let pid = 0
  t.teardown(() => {
    shell.kill('SIGKILL')
    if (pid > 0) try { process.kill(pid, 'SIGKILL') } catch { /* it has ended */ }
  })
  const ready = async (): Promise<string> => {
    for (;;) {
      const line = await lines.next()
      if (line.done === true) throw new Error('it ended before it was ready')
      if (!line.value.includes('"msg":"ready"')) continue
      const said = JSON.parse(line.value) as { http: string, pid: number }
      pid = said.pid
      return said.http
    }
  }
  const first = await ready()
  const large = { address: '10.0.0.1', ports: [{ port: 80 }], metadata: { text: 'x'.repeat(8_000) }, generation: '1' }
  let status = 0
  let count = 0
  while (status < 300) {
    status = (await call('PUT', first + instancePath(`i${count}`), large)).status
    if (status < 300) count++
  }
  t.equal(status, 507)
  process.kill(pid, 'SIGKILL')

  const second = await ready()
  t.equal((await call('GET', `${second}/v1/instances?limit=1000`)).body.items.length, count)
  t.equal((await call('PUT', second + instancePath('new'), large)).status, 507)
  const beat = await call('POST', `${second}/v1/heartbeats`, { leases: [{ namespace: 'shop', service: 'orders', id: 'i0' }] })
  t.match(beat, { status: 200, body: { renewed: 1 } })
  t.equal((await call('PUT', second + instancePath('i1'), large)).status, 200, 'what is registered so already needs no room')
  rmSync(join(`/proc/${pid}/root`, disk, 'rest'))
  let again = 507
  while (again === 507 || again === 503) again = (await call('PUT', second + instancePath('new'), large)).status
  t.equal(again, 201)
  const ended = once(shell, 'exit')
  process.kill(pid, 'SIGTERM')
  t.equal((await ended)[0], 0)
})
