// A registration made in a worker thread stayed for its whole TTL when the process was told to end: signals don't reach
// a worker.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { runChild, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

t.test('a registration made in a worker thread ends with its process, whatever ends it', async (t) => {
  const node = await startNode(t, ['--data', await temporaryDirectory(t)])
  const rollcall = new Rollcall({ address: node.url, namespace: 'shop' })
  t.teardown(() => rollcall.close())
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const child = runChild(['test/client-sdk/worker.ts'], { ROLLCALL_ADDRESS: node.url, ROLLCALL_NAMESPACE: 'shop' })
    await child.line(/^event session/)
    const watch = rollcall.watch({ service: 'orders' })
    t.match((await watch.next()).value, { type: 'snapshot', instances: [{ id: 's-plain', lease: { ttlMs: 15_000 } }] })
    child.process.kill(signal)
    t.match(await child.ended, { signal })
    const reasons: string[] = []
    for await (const event of watch) {
      if (event.type === 'put' || event.type === 'delete') reasons.push(event.reason)
      if (event.type === 'delete') break
    }
    t.strictSame(reasons, ['suspect', 'expired'], signal)
  }
})
