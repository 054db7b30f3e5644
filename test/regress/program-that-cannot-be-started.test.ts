// An agent without rights ended at its start: to start `arping`, which has a capability of its own, is refused by the system with EPERM,
// and Node throws that where it tells other errors by an event.
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { programRunner } from '../../server/proxy/program.ts'

t.test('a program that cannot be started is a result, however that is told', async (t) => {
  const run = programRunner(standaloneGuard)
  t.match(await run('/no/such/program', []), { code: undefined, err: /ENOENT/ }, 'by an event')
  t.match(await run('sh', ['a\0b']), { code: undefined, err: /null bytes/ }, 'thrown')
  t.match(await run('sh', ['-c', 'echo done']), { code: 0, out: 'done\n' })
})
