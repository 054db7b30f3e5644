// What escapes every guard, in a real process: the node logs it, counts it and goes on, its threads of DNS too.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

/** Loaded before the node and in each of its threads: a signal makes the main thread throw, a message each other one. */
const saboteur = `
import { isMainThread, BroadcastChannel } from 'node:worker_threads'
const channel = new BroadcastChannel('sabotage')
channel.unref()
if (isMainThread) process.on('SIGUSR2', () => { channel.postMessage('throw'); Promise.reject(new Error('sabotaged promise')); throw new Error('sabotaged handler') })
else channel.onmessage = () => { process.nextTick(() => { throw new Error('sabotaged thread') }) }
`

t.test('a node lives through uncaught errors', async (t) => {
  const directory = await temporaryDirectory(t)
  const script = join(directory, 'saboteur.mjs')
  await writeFile(script, saboteur)
  const node = await startNode(t, ['--data', directory, '--dns-workers', '1'], { NODE_OPTIONS: `--import ${script}` })
  process.kill(node.pid, 'SIGUSR2')
  for (const what of ['sabotaged handler', 'sabotaged promise', 'sabotaged thread']) {
    const line = JSON.parse(await node.line(new RegExp(what))) as { level: number, place: string, err: { message: string, stack: string } }
    t.match(line, { level: 50, err: { message: what, stack: /saboteur\.mjs/ } })
  }
  const metrics = async (): Promise<string> => (await fetch(`${node.url}/metrics`)).text()
  t.match(await metrics(), /rollcall_unexpected_errors_total\{place="process"\} 2/)
  while (!(await metrics()).includes('rollcall_unexpected_errors_total{place="dns-thread"} 1')); // it is told once a second
  t.equal(await node.end('SIGTERM'), 0)
})
