// The commands of the guide to ingress, on a machine of their own, in the order of the page.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Lab, noLab } from '../../support/lab.ts'
import { repository, runChild } from '../../support/processes.ts'

const page = readFileSync(join(repository, 'docs/guides/ingress.md'), 'utf8')
const [, block = ''] = /^```console\n(.*?)\n```$/ms.exec(page) ?? []

const steps = block.split('\n').reduce<{ readonly command: string, readonly shown: string[] }[]>((all, line) => {
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

t.test('what the guide to ingress shows is what happens', { skip: noLab, timeout: 120_000 }, async (t) => {
  t.ok(steps.length >= 12, `${steps.length} commands`)
  const lab = await Lab.start(t, { a: '10.77.0.1' })
  const registry = lab.start(t, 'a', ['server/main.ts', 'serve', '--data', join(lab.directory, 'data')])
  await registry.line(/"msg":"ready"/)
  const programs = join(lab.directory, 'bin')
  mkdirSync(programs)
  const rollcall = `exec ${process.execPath} --conditions=rollcall-source ${join(repository, 'server/main.ts')} "$@"`
  writeFileSync(join(programs, 'npx'), `#!/bin/sh\nname=$1\nshift\n[ "$name" != node ] || exec ${process.execPath} "$@"\n${rollcall}\n`, { mode: 0o755 })
  for (const name of ['deploy', 'node_modules', 'client-sdk', 'package-lock.json', 'package.json']) symlinkSync(join(repository, name), join(lab.directory, name))
  const script = (command: string): readonly string[] => ['bash', '-c', `exec 2>&1; PATH=${programs}:$PATH; cd ${lab.directory}; ${command}`]
  for (const { command, shown } of steps) {
    if (command.endsWith(' &')) {
      const started = runChild(['-e', `
        const [, ...words] = ${JSON.stringify(script(`exec ${command.slice(0, -2)}`))}
        const child = require('node:child_process').spawn('bash', words, { stdio: 'inherit' })
        process.on('SIGTERM', () => child.kill())
        child.on('exit', () => process.exit())`], {}, undefined, ['ip', 'netns', 'exec', lab.namespace('a')])
      t.teardown(async () => {
        started.process.kill('SIGTERM')
        await started.ended
      })
      await started.line(/is there|serving ingresses/)
      continue
    }
    const run = async (): Promise<string> => (await lab.run('a', ...script(command.replaceAll(/\bcurl /g, 'curl --silent --show-error ')) as [string, ...string[]])).out
    let printed = await run()
    // What was told a moment ago is in force some milliseconds later; a page shows what a person sees.
    if (/^(?:curl|npx rollcall get)/.test(command)) await until(async () => fits(shown, printed) || fits(shown, printed = await run()))
    t.ok(fits(shown, printed), `${command}\n--- shown\n${shown.join('\n')}\n--- printed\n${printed}`)
  }
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
