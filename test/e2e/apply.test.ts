import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { call, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

const manifests = 500
/** When the node is killed after the stream was sent. */
const moments = {
  'at once': async () => setImmediate(),
  'when the commit begins to be written': async (directory: string) => {
    const log = join(directory, 'rollcall.db-wal')
    const { size } = statSync(log)
    while (statSync(log).size === size) await setImmediate()
  },
  'when it was answered': async (_directory: string, answered: Promise<unknown>) => answered
}

const stream = (round: number): string => Array.from({ length: manifests }, (_, index) => `apiVersion: v1
kind: Service
metadata: { name: r${round}-s${index}, namespace: shop }
spec: { type: NodePort, ports: [{ port: 80 }] }
`).join('---\n')

t.test('kill -9 during an apply of 500 manifests leaves all of them or none, with their ports and addresses', async (t) => {
  const directory = await temporaryDirectory(t)
  let expected = 0
  for (const [round, [when, moment]] of Object.entries(moments).entries()) {
    const node = await startNode(t, ['--data', directory])
    const answered = fetch(`${node.url}/v1/apply`, { method: 'POST', headers: { 'content-type': 'application/yaml' }, body: stream(round) })
      .then((response) => response.status, () => 0)
    await moment(directory, answered)
    await node.end('SIGKILL')
    const status = await answered

    const again = await startNode(t, ['--data', directory])
    const { body: pools } = await call('GET', `${again.url}/v1/pools`)
    const used = (kind: string): number => pools.find((pool: { kind: string }) => pool.kind === kind).used
    const present = used('node-port') - expected
    t.ok(present === 0 || present === manifests, `${present} of ${manifests} are there after a kill ${when}`)
    if (status === 200) t.equal(present, manifests, 'what was acknowledged is there')
    expected += present
    t.equal(used('cluster-ip'), expected)
    const { body: namespaces } = await call('GET', `${again.url}/v1/namespaces`)
    t.equal(namespaces.items.find((item: { name: string }) => item.name === 'shop')?.services ?? 0, expected)
    await again.end('SIGTERM')
  }
})
