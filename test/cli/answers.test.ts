// Another program than a registry listens at --address: the CLI prints no stack, and claims nothing that did not happen.
import { join } from 'node:path'
import t from 'tap'
import { createTestClock } from '../../client-sdk/src/testing.ts'
import { allCommands } from '../../server/cli/commands.ts'
import { answerFault } from '../../server/cli/answers.ts'
import { asking, listening, ran } from './other-servers.ts'

t.test('the table of commands that ask a registry has every one of them', async (t) => {
  const names = new Set(asking.map(([name]) => name))
  t.same((await allCommands()).filter(({ name, flags }) => 'timeout' in flags && !names.has(name)).map(({ name }) => name),
    ['autoscale', 'backup', 'import', 'proxy', 'autoscaler'],
    'of which one warns before it asks, one reads a stream of its own, one asks another registry first, and two follow and never ask')
})

for (const [what, status, body] of [
  ['says {"status":"ok"} to everything', 200, '{"status":"ok"}'],
  ['answers an empty list', 200, '{"revision":"e.1","items":[{}]}'], ['answers null', 200, 'null'],
  ['answers a number', 200, '7'], ['answers nothing, with 200', 200, ''],
  ['answers a page', 200, '<html>hello</html>'], ['answers 404 and a page', 404, '<html>no</html>'],
  ['answers 500 and {}', 500, '{}'],
  ['refuses with a problem of odd types', 400, '{"code":"X","detail":7,"errors":7}']
] as const) {
  t.test(`against a server that ${what} each command says one sentence, and no success`, async (t) => {
    const url = await listening(t,
      (_path, _method, response) => { response.writeHead(status, { 'content-type': 'application/json' }).end(body) })
    for (const argv of [...asking, ['backup', join(t.testdir(), 'copy.db')]]) {
      // that is how success looks
      if (body === '' && (argv[0] === 'deregister' || argv[0] === 'undrain' || argv[1] === 'unreadable')) continue
      const { exitCode, out, err } = await ran(url, argv)
      t.ok(exitCode === 1 || exitCode === 3, `${argv.join(' ')}: ${exitCode}`)
      t.same(out, [], argv.join(' '))
      t.equal(err.length, 1, `${argv.join(' ')}: ${JSON.stringify(err)}`)
    }
  })
}

t.test('an answer that nests too deeply is one sentence, in every form', async (t) => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const url = await listening(t, (_path, _method, response) => { response.end(`{"revision":"e.1","items":[],"more":${deep}}`) })
  for (const form of ['json', 'yaml']) {
    t.match(await ran(url, ['get', 'namespaces', '-o', form]), { exitCode: 0 }, 'what is not read is not written')
    t.match(await ran(url, ['get', 'events', '-o', form]), { exitCode: 1, out: [], err: [/nested too deeply/] }, form)
  }
})

t.test('a wrong field of an answer is named', async (t) => {
  t.equal(answerFault('GET', '/v1/services', { revision: 'e.1', items: [{ namespace: 7 }] }),
    'items[0].namespace must be a text')
  t.equal(answerFault('GET', '/v1/services', []), 'the answer must be an object')
  t.equal(answerFault('DELETE', '/v1/namespaces/a/services/b/instances/c', { status: 'ok' }),
    'the answer must be empty')
  t.equal(answerFault('PUT', '/v1/namespaces/a/services/b/instances/c/heartbeat', { renewed: 0, stored: true }),
    'renewed must be 1')
})

t.test('a server that never answers costs the limit given, once', async (t) => {
  const clock = createTestClock()
  for (const argv of asking) {
    const requests: string[] = []
    let asked: (() => void) | undefined
    const begun = new Promise<void>((resolve) => { asked = resolve })
    const fetch = (url: string, { signal }: { signal: AbortSignal }): Promise<never> => {
      requests.push(url)
      asked?.()
      return new Promise((_resolve,
        reject) => { signal.addEventListener('abort', () => { reject(new Error('given up')) }) })
    }
    const before = clock.now()
    const call = ran('http://registry.test', [...argv, '--timeout', '3s'], { network: { fetch, clock } })
    let isOver = false
    void call.finally(() => { isOver = true })
    await begun
    while (!isOver) await clock.advance(1_000)
    const { exitCode, err } = await call
    t.equal(exitCode, 3, argv.join(' '))
    t.match(err.at(-1), /no answer within 3000 ms/, argv.join(' '))
    t.ok(clock.now() - before <= 4_000, `${argv.join(' ')}: ${clock.now() - before} ms`)
    t.ok(requests.length <= 3, argv.join(' ')) // what is asked together is given up together
  }
})

t.test('--timeout is a duration', async (t) => {
  for (const wrong of ['5', '0s', '2d',
    'x']) t.match(await ran('http://127.0.0.1:9', ['get', 'services', '--timeout', wrong]),
    { exitCode: 2, err: [/--timeout must be/] })
})
