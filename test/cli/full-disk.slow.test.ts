// Commands whose words cannot be written end with one sentence, not with a stack.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import t from 'tap'

t.test('standard output on a full disk', { skip: existsSync('/dev/full') ? false : 'this system has no /dev/full' }, async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  for (const command of ['--help', 'version', 'get --help', 'completion bash', 'serve --help', 'serve --print-config']) {
    const { status, stderr } = spawnSync(process.execPath, ['bin/rollcall.js', ...command.split(' ')], { encoding: 'utf8', stdio: ['ignore', full, 'pipe'] })
    t.equal(stderr, 'rollcall: standard output can\'t be written: the disk is full (ENOSPC)\n', command)
    t.equal(status, 1, command)
    t.equal(spawnSync(process.execPath, ['bin/rollcall.js', ...command.split(' ')], { stdio: ['ignore', full, full] }).status, 1, `${command}: nobody can be told`)
  }
})
