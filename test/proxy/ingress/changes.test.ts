// Everything changes while requests come: not one of them fails.
import { once } from 'node:events'
import { Agent, createServer, request as send, type Server } from 'node:http'
import t from 'tap'
import { endpoint, ingress, portOf, service, startIngress, type Started } from '../../support/ingress.ts'

const rules = ingress('a', { rules: ['a.example / Prefix web'] })

/** Asks again and again, over four connections, until it is told to stop. @returns the statuses that were not 200 */
async function asking (port: number, isOver: () => boolean, answered: () => void): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const failed: string[] = []
  await Promise.all(Array.from({ length: 4 }, async () => {
    while (!isOver()) {
      const outcome = await new Promise<string>((resolve) => {
        const asked = send({ port, host: '127.0.0.1', agent, headers: { Host: 'a.example' } })
        asked.once('response', (response) => response.resume().once('end', () => resolve(String(response.statusCode))))
        asked.once('error', (error) => resolve(error.message)).end()
      })
      if (outcome !== '200') failed.push(outcome)
      answered()
    }
  }))
  agent.destroy()
  return failed
}

/** Makes a change after every few answers. */
async function underChanges (
  t: Parameters<typeof startIngress>[0], { port }: Started, times: number, change: (index: number) => Promise<void> | void
): Promise<void> {
  let [done, count, isBusy] = [0, 0, false]
  const failed = await asking(port, () => done >= times, () => {
    if (++count % 4 !== 0 || isBusy || done >= times) return
    isBusy = true
    void Promise.resolve(change(done)).then(() => {
      done++
      isBusy = false
    })
  })
  t.strictSame(failed, [], `of ${count} requests`)
  t.equal(done, times)
}

t.test('endpoints, weights and rules change with every few requests', async (t) => {
  const backends = [createServer((_request, response) => { response.end('one') }), createServer((_request, response) => { response.end('two') })]
  for (const each of backends) {
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
    t.teardown(() => {
      each.closeAllConnections()
      each.close()
    })
  }
  const ports = backends.map((each) => portOf(each))
  const started = await startIngress(t, { ingresses: [rules], services: [service('web', ports.map((port, index) => endpoint(`w${index}`, port)))] })
  await underChanges(t, started, 200, (index) => {
    const port = ports[index % 2] ?? 0
    started.engine.putService(service('web', [endpoint(`w${index}`, port, { weight: 1 + index % 7 }), ...index % 3 === 0 ? [endpoint('other', ports[(index + 1) % 2] ?? 0)] : []]))
    started.engine.putIngress(ingress('a', { rules: ['a.example / Prefix web', `a.example /${index} Exact web`] }))
    if (index % 5 === 0) started.engine.setState({
      ingresses: [rules], classes: [], services: new Map([['default/web', service('web', [endpoint('again', port)])]])
    })
  })
})

t.test('each copy is replaced, again and again: the old one leaves the registry, answers what it has, and ends', async (t) => {
  const start = async (): Promise<Server> => {
    const server = createServer((_request, response) => { setImmediate(() => response.end('ok')) })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let copy = await start()
  const started = await startIngress(t, { ingresses: [rules], services: [service('web', [endpoint('w', portOf(copy))])] })
  await underChanges(t, started, 40, async (index) => {
    const next = await start()
    started.engine.putService(service('web', [endpoint(`w${index}`, portOf(next))]))
    const closed = once(copy, 'close')
    copy.close() // unused connections end now, the others with their requests
    copy = next
    await closed
  })
  copy.closeAllConnections()
  copy.close()
})
