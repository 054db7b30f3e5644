// A registry is backed up while it runs, goes on, and is restored: no client takes an old state for a new one.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { call, endpointsPath, instancePath, run, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

const command = async (t: Test, ...argv: string[]): Promise<{ code: number | NodeJS.Signals, lines: readonly string[] }> => {
  const program = run(t, 'bin/rollcall.js', argv)
  return { code: await program.exit, lines: program.lines }
}

t.test('a backup that is put back tells old tags, cursors and long polls from new ones', async (t) => {
  const data = join(await temporaryDirectory(t), 'data')
  const folder = await temporaryDirectory(t)
  const file = join(folder, 'copy.db')
  const first = await startNode(t, ['--data', data])
  for (const id of ['a', 'b']) await call('PUT', first.url + instancePath(id), { address: '10.0.0.1', ports: [{ port: 80 }] })
  const saved = await command(t, 'backup', file, '--address', first.url)
  t.equal(saved.code, 0)
  t.match(saved.lines.join('\n'), /copy\.db: 2 instances and \d+ objects \(sqlite\)/)
  t.equal(existsSync(`${file}.part`), false)

  await call('DELETE', first.url + instancePath('b'))
  await call('PUT', first.url + instancePath('c'), { address: '10.0.0.3', ports: [{ port: 80 }] })
  const answer = await call('GET', first.url + endpointsPath())
  const tag = answer.headers.get('etag') ?? ''
  t.equal((await command(t, 'restore', file, '--data', data, '--force')).code, 1, 'not under a server that runs')
  t.equal(await first.end('SIGTERM'), 0)
  t.equal((await command(t, 'restore', file, '--data', data)).code, 1, 'not over a registry')
  const restored = await command(t, 'restore', file, '--data', data, '--force')
  t.equal(restored.code, 0, restored.lines.join('\n'))

  const again = await startNode(t, ['--data', data])
  const now = await fetch(again.url + endpointsPath(), { headers: { 'if-none-match': tag } })
  t.equal(now.status, 200, 'an old tag is no tag of this')
  const body = await now.json() as { revision: string, endpoints: { id: string }[] }
  t.same(body.endpoints.map(({ id }) => id), ['a', 'b'])
  const [epoch, revision] = body.revision.split('.')
  const [oldEpoch, oldRevision] = String(answer.body.revision).split('.')
  t.equal(epoch, oldEpoch)
  t.ok(Number(revision) > Number(oldRevision))
  const poll = await call('GET', `${again.url}${endpointsPath()}?after=${String(answer.body.revision)}&wait=60s`)
  t.equal(poll.body.endpoints.length, 2, 'a long poll after an old revision is answered at once')
  const stream = await fetch(`${again.url}/v1/watch?namespace=shop`, { headers: { 'accept': 'text/event-stream', 'last-event-id': String(answer.body.revision) } })
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let told = ''
  while (!/event: (?!hello)/.test(told)) told += (await reader?.read())?.value ?? 'event: none'
  t.match(told, /event: reset/, 'a watch is reset')
  await reader?.cancel()
  t.equal(await again.end('SIGTERM'), 0)
})

t.test('a file that was copied without its log does not start, and what a damaged one holds can be saved', async (t) => {
  const data = join(await temporaryDirectory(t), 'data')
  const first = await startNode(t, ['--data', data])
  await call('PUT', first.url + instancePath('a'), { address: '10.0.0.1', ports: [{ port: 80 }] })
  const alone = await temporaryDirectory(t)
  copyFileSync(join(data, 'rollcall.db'), join(alone, 'rollcall.db'))
  const refused = await command(t, 'serve', '--http', '127.0.0.1:0', '--dns', 'off', '--data', alone)
  t.equal(refused.code, 1)
  t.match(refused.lines.join('\n'), /was not closed cleanly and its log .* is missing/)
  const accepted = await startNode(t, ['--data', alone, '--accept-missing-log'])
  t.equal((await call('GET', `${accepted.url}/v1/instances`)).body.items.length, 0)
  t.equal(await first.end('SIGTERM'), 0)

  const saved = join(alone, 'saved.ndjson')
  const salvaged = await command(t, 'backup', '--salvage', data, saved)
  t.equal(salvaged.code, 0, salvaged.lines.join('\n'))
  t.match(salvaged.lines.join('\n'), /1 instances/)
  writeFileSync(join(alone, 'letter.txt'), 'a letter')
  const none = await command(t, 'restore', join(alone, 'letter.txt'), '--data', join(alone, 'new'))
  t.equal(none.code, 1)
  t.match(none.lines.join('\n'), /is no backup/)
})
