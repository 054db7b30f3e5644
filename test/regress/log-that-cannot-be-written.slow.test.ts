// A node whose standard output could not be written (a full disk, /dev/full, a reader that stalled or went) fell silent on HTTP and DNS
// and did not end at SIGTERM.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../support/closable.ts'

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function status (url: string): Promise<number> {
  try {
    const answer = await fetch(url)
    await answer.text()
    return answer.status
  } catch {
    return 0 // it does not listen yet
  }
}

/** Starts a node with this as its standard output, and waits until it is ready. */
async function started (t: Test, output: StdioOptions, before = 'exec'): Promise<{ child: ChildProcess, url: string, ended: Promise<unknown[]> }> {
  const directory = await temporaryDirectory(t)
  const url = `http://127.0.0.1:${await freePort()}`
  const command = `${before} "$0" --conditions=rollcall-source bin/rollcall.js serve --log-level debug --http ${url.slice('http://'.length)} --dns off --data ${directory}`
  const child = spawn('sh', ['-c', command, process.execPath], { stdio: output })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  while (await status(`${url}/readyz`) !== 200) t.equal(child.exitCode, null, 'it lives')
  return { child, url, ended }
}

async function dropped (url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^rollcall_log_lines_dropped_total (\d+)$/m.exec(text)?.[1])
}

async function ends (t: Test, { child, ended }: { child: ChildProcess, ended: Promise<unknown[]> }): Promise<void> {
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
}

t.test('a device that is always full', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const node = await started(t, ['ignore', full, full])
  for (let request = 0; request < 100; request++) t.equal(await status(`${node.url}/livez`), 200)
  t.ok(await dropped(node.url) > 100, 'the lines are counted')
  await ends(t, node)
})

t.test('a file that may not grow', async (t) => {
  const path = join(await temporaryDirectory(t), 'log')
  writeFileSync(path, 'x'.repeat(2 * 1024 * 1024))
  const file = openSync(path, 'a')
  t.teardown(() => closeSync(file))
  const node = await started(t, ['ignore', file, 'ignore'], 'ulimit -f 4096; NODE_OPTIONS= exec') // in 512 octets; what the test runner loads would end it at SIGXFSZ, which Node ignores
  for (let request = 0; request < 100; request++) t.equal(await status(`${node.url}/livez`), 200)
  t.ok(await dropped(node.url) > 100, 'the lines are counted')
  await ends(t, node)
})

t.test('a pipe without a reader at work', async (t) => {
  const node = await started(t, ['ignore', 'pipe', 'ignore'])
  const batch = 50
  for (let requests = 0; requests < 1_000; requests += batch) { // three times what the pipe holds
    t.same(await Promise.all(Array.from({ length: batch }, () => status(`${node.url}/livez`))), Array.from({ length: batch }, () => 200))
  }
  await ends(t, node)
})

t.test('a pipe whose reader is gone', async (t) => {
  const node = await started(t, ['ignore', 'pipe', 'ignore'])
  node.child.stdout?.destroy()
  for (let request = 0; request < 100; request++) t.equal(await status(`${node.url}/livez`), 200)
  t.ok(await dropped(node.url) > 50, 'the lines are counted')
  await ends(t, node)
})
