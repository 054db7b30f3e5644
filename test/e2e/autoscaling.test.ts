// The whole way: load is reported, a node decides, a program on a machine and a webhook are told, copies come and go; and the node is
// killed in the middle. The copies are registrations: the program of the agent makes and removes them by curl.
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { isSignedBy } from '../../server/autoscaling/webhook/signature.ts'
import { call, type Program, run } from '../support/processes.ts'
import { freePort } from '../support/free-port.ts'
import { lacking } from '../support/programs.ts'

const secret = Buffer.alloc(32, 7)
const namespace = 'shop'
const instances = '/v1/namespaces/shop/services/worker/instances'
const autoscaler = (name: string): string => `/v1/namespaces/shop/horizontalpodautoscalers/${name}`

/** Sees to it that as many copies are registered as are desired. */
const copies = `#!/bin/sh
set -eu
at=$ROLLCALL_ADDRESS${instances}
number=1
while [ $number -le 6 ]; do
  if [ $number -le $ROLLCALL_DESIRED ]; then
    curl -sf -X PUT -H 'content-type: application/json' -d '{"address":"10.0.0.'$number'","lease":{"ttlMs":60000}}' $at/worker-$number >/dev/null
  else
    curl -s -X DELETE $at/worker-$number >/dev/null
  fi
  number=$((number + 1))
done
echo "$ROLLCALL_DESIRED run"
`

interface Posted { readonly id: string, readonly sequence: number, readonly name: string, readonly from: number, readonly to: number }

/** Takes decisions, and fails the test for one that is not signed. */
async function receiver (t: Test): Promise<{ readonly url: string, readonly decision: (fits: (posted: Posted) => boolean) => Promise<Posted> }> {
  const posted: Posted[] = []
  let look = (): void => {}
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      const header = (name: string): string => String(request.headers[name])
      const headers = { 'webhook-id': header('webhook-id'), 'webhook-timestamp': header('webhook-timestamp'), 'webhook-signature': header('webhook-signature') }
      t.ok(isSignedBy(secret, headers, body), 'it is signed')
      posted.push(JSON.parse(body))
      t.equal(posted.at(-1)?.id, headers['webhook-id'])
      response.writeHead(204).end()
      look()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scale`,
    decision: async (fits) => {
      for (;;) {
        const found = posted.findLast(fits)
        if (found !== undefined) return found
        await new Promise<void>((resolve) => { look = resolve })
      }
    }
  }
}

t.test('copies follow the load, also when the node is killed between a decision and who follows it', { skip: lacking('curl'), timeout: 60_000 }, async (t) => {
  const directory = t.testdir({
    copies, secret: `whsec_${secret.toString('base64')}\n`, data: {}
  })
  chmodSync(join(directory, 'copies'), 0o700)
  chmodSync(join(directory, 'secret'), 0o600)
  const file = join(directory, 'autoscaler.yaml')
  writeFileSync(file, `interval: 100ms\ncommands:\n- autoscaler: shop/worker\n  run: [${join(directory, 'copies')}]\n  repeat: 200ms\n`)
  const { url: hook, decision } = await receiver(t)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const node = async (): Promise<Program> => {
    const program = run(t, 'test/support/quick-autoscaling.ts', [
      'serve', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', join(directory, 'data'),
      '--autoscale-webhook', hook, '--autoscale-webhook-secret-file', join(directory, 'secret')
    ])
    await program.line(/"msg":"ready"/)
    return program
  }
  const put = (path: string, body: object): Promise<unknown> => call('PUT', url + path, body).then(({ status, body: answer }) => t.ok(status < 300, JSON.stringify(answer)))
  const declare = (name: string, target: string): Promise<unknown> => put(autoscaler(name), {
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name, namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target }, minReplicas: 1, maxReplicas: 6,
      metrics: [{ type: 'Pods', pods: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '5' } } }],
      behavior: { scaleDown: { stabilizationWindowSeconds: 0 } }
    }
  })
  /** Each copy says the same. */
  const report = async (service: string, ids: readonly string[], queue: number): Promise<void> => {
    const { body } = await call('POST', `${url}/v1/heartbeats`, { leases: ids.map((id) => ({ namespace, service, id, load: { queue: { value: queue } } })) })
    t.equal(body.renewed, ids.length)
  }
  const workers = (count: number): string[] => Array.from({ length: count }, (_, index) => `worker-${index + 1}`)

  let registry = await node()
  await declare('worker', 'worker')
  await declare('idle', 'idle')
  await put(`${instances}/worker-1`, { address: '10.0.0.1', lease: { ttlMs: 60_000 } })
  await put('/v1/namespaces/shop/services/idle/instances/idle-1', { address: '10.0.1.1', lease: { ttlMs: 60_000 } })
  await report('worker', ['worker-1'], 20)
  await report('idle', ['idle-1'], 20)

  const first = await decision(({ name }) => name === 'worker')
  t.match(first, { from: 1, to: 4 })
  await registry.end('SIGKILL')
  registry = await node()
  const agent = run(t, 'bin/rollcall.js', ['autoscaler', '--config', file, '--address', url])
  await agent.line(/"msg":"4 run"/)
  await agent.line(/4 wanted, 1 counted: the program is run/)
  await report('idle', ['idle-1'], 20) // loads go to the store in batches: the last may have been in none when the node was killed

  await report('worker', workers(4), 1)
  await agent.line(/"msg":"1 run"/)
  t.match(await decision(({ name, to }) => name === 'worker' && to === 1), { from: 4 })
  const { body: left } = await call('GET', `${url}/v1/instances?namespace=shop&service=worker`)
  t.same(left.items.map(({ id }: { id: string }) => id), ['worker-1'])

  // Nobody follows the other one.
  t.match(await decision(({ name }) => name === 'idle'), { from: 1, to: 4 })
  const told = async (): Promise<string[]> => {
    const { body } = await call('GET', `${url}/v1/events?namespace=shop&reason=noticed&id=idle`)
    return body.items.map(({ message }: { message: string }) => message)
  }
  let messages = await told()
  while (!messages.some((message) => /4 instances are desired and 1 are counted for 3 periods: nobody follows/.test(message))) messages = await told()
  t.equal(await agent.end('SIGTERM'), 0)
  t.equal(await registry.end('SIGTERM'), 0)
})
