// A process that is held only by its session ended with code 0 as soon as its WebSocket broke: the timer of the
// reconnect did not hold it.
import t from 'tap'
import { httpRegistry } from '../client-sdk/http-registry.ts'
import { runChild } from '../support/processes.ts'

t.test('a process that is held only by its session lives through a broken connection', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const child = runChild(['test/client-sdk/service.ts', 'session-only'], { ROLLCALL_ADDRESS: server.address })
  await child.line(/^event session/)
  for (let blips = 1; blips <= 3; blips++) {
    server.registry.dropSockets()
    await child.lineCount(/^event session/, blips + 1)
  }
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.strictSame(server.registry.instances, [])
})
