// The commands of the guide to traffic, on a machine of their own, in the order of the page.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Lab, noLab } from '../support/lab.ts'
import { repository, runChild } from '../support/processes.ts'

const page = readFileSync(join(repository, 'docs/guides/traffic.md'), 'utf8')
const [, block = ''] = /^```console\n(.*?)\n```$/ms.exec(page) ?? []

interface Step { readonly command: string, readonly shown: string[] }

const steps = block.split('\n').reduce<Step[]>((all, line) => {
  if (line.startsWith('$ ')) all.push({ command: line.slice(2), shown: [] })
  else all.at(-1)?.shown.push(line)
  return all
}, [])

/** `...` is anything in a line, and any lines where it is one. Blanks between columns are one. */
function fits (shown: readonly string[], printed: string): boolean {
  const plain = (text: string): string => text.trim().replaceAll(/ +/g, ' ')
  const pattern = shown.filter((line) => line !== '').map((line) => (line === '...' ? '(?:.*\n)*' : `${plain(line).split('...').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}\n`)).join('')
  return new RegExp(`^${pattern}$`).test(printed.split('\n').filter((line) => line !== '').map((line) => `${plain(line)}\n`).join(''))
}

t.test('what the guide to traffic shows for one machine is what happens', { skip: noLab, timeout: 120_000 }, async (t) => {
  t.ok(steps.length >= 8, `${steps.length} commands`)
  const lab = await Lab.start(t, { a: '10.77.0.1' })
  const [, flags = ''] = /^npm start -- (.*)$/m.exec(page) ?? []
  t.equal(flags, '--proxy')
  const registry = lab.start(t, 'a', ['server/main.ts', 'serve', '--data', join(lab.directory, 'data'), ...flags.split(' ')])
  await registry.line(/"msg":"ready"/)
  await registry.line(/carrying \d+ addresses/)
  const programs = join(lab.directory, 'bin')
  mkdirSync(programs)
  writeFileSync(join(programs, 'npx'), `#!/bin/sh\nshift\nexec ${process.execPath} --conditions=rollcall-source ${join(repository, 'server/main.ts')} "$@"\n`, { mode: 0o755 })
  symlinkSync(join(repository, 'deploy'), join(lab.directory, 'deploy'))
  const inside = ['ip', 'netns', 'exec', lab.namespace('a')]
  const script = (command: string): readonly string[] => ['bash', '-c', `exec 2>&1; PATH=${programs}:$PATH; cd ${lab.directory}; ${command}`]
  for (const { command, shown } of steps) {
    if (command.endsWith(' &')) {
      const started = runChild(['-e', `
        const [, ...words] = ${JSON.stringify(script(`exec ${command.slice(0, -2)}`))}
        const child = require('node:child_process').spawn('bash', words, { stdio: 'ignore' })
        process.on('SIGTERM', () => child.kill())
        child.on('exit', () => process.exit())`], {}, undefined, inside)
      t.teardown(async () => {
        started.process.kill('SIGTERM')
        await started.ended
      })
      await until(async () => (await lab.run('a', 'curl', '-s', 'http://10.77.0.1:8080/')).code === 0)
      continue
    }
    const run = async (): Promise<string> => (await lab.run('a', ...script(command.replace(/^curl /, 'curl --silent --show-error ')) as [string, ...string[]])).out
    let printed = await run()
    // What a write began in the kernel is there some milliseconds later; a page shows what a person sees.
    if (/^(?:curl|dig|npx rollcall get proxies)/.test(command)) await until(async () => fits(shown, printed) || fits(shown, printed = await run()))
    t.ok(fits(shown, printed), `${command}\n--- shown\n${shown.join('\n')}\n--- printed\n${printed}`)
  }
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
