// What a run found, as text.
import type { HostileReport } from './run.ts'
import type { SessionReport } from './session.ts'

/** No honest request failed, no node ended, and nothing happened that nobody expected. */
export function isWell ({ sessions, startErrors }: HostileReport): boolean {
  return startErrors.length === 0 && sessions.every(isFine)
}

export function isFine ({ honest, attacks, exit, stopped, unexpected }: SessionReport): boolean {
  return exit === undefined && stopped === 0 && attacks.errors.length === 0 && honest.failures.length === 0 && Object.keys(unexpected).length === 0
}

export function printed (report: HostileReport, { minutes, seed }: { readonly minutes: number, readonly seed: number }): string {
  const { starts, startErrors } = report
  return [
    `${minutes} minutes, seed ${seed}, node with --max-old-space-size=512`,
    ...report.sessions.map(sessionText),
    `starts with garbage in the store: ${starts}, wrong: ${startErrors.length}`, ...startErrors.map((text) => `  ${text}`),
    isWell(report) ? 'well' : 'NOT WELL'
  ].join('\n')
}

function sessionText ({ store, honest, attacks, memoryMib, looks, exit, stopped, unexpected, lines, coreWaitMs }: SessionReport): string {
  const all = Object.values(honest.lines)
  const [made, failed] = [all.reduce((sum, line) => sum + line.made, 0), all.reduce((sum, line) => sum + line.failed, 0)]
  const total = Object.values(attacks.attacks).reduce((sum, count) => sum + count, 0)
  const isWrong = exit !== undefined || stopped !== 0
  return [
    `\n${store}: ${made} honest requests, ${failed} failed; ${total} attacks; the node ${exit === undefined ? 'lived' : `ENDED with ${exit}`}, and ended with ${stopped} when asked`,
    `memory in MiB: ${memoryMib.start} at the start, ${memoryMib.peak} at most, ${memoryMib.end} at the end`,
    `heap of the main thread, MiB of objects of those taken, and outside: ${Object.entries(looks).map(([when, look]) => (
      `${when} ${look === undefined ? '-' : `${look.heapUsed} of ${look.heapTotal}, ${look.external} (resident ${look.rss}; the DNS thread ${look.otherHeapUsed} of ${look.otherHeapTotal})`}`
    )).join('; ')}`,
    `longest turn of the loop, ms of a core: ${Math.round(looks.attacked?.turnMs ?? 0)}, of other threads ${Math.round(looks.attacked?.otherTurnMs ?? 0)}; held by: ${looks.attacked?.longest.join('; ')}`,
    `unexpected errors: ${JSON.stringify(unexpected)}; the clients' own loop was late by ${honest.ownDelayMs} ms at most`,
    `the node waited for a core of this machine for ${Math.round(coreWaitMs.sum / 1_000)} s in all, ${coreWaitMs.most} ms of half a second at most`,
    '| kind | made | failed | 99 of 100 within ms | slowest ms |\n|---|---|---|---|---|',
    ...Object.entries(honest.lines).map(([kind, line]) => `| ${kind} | ${line.made} | ${line.failed} | ${line.p99Ms} | ${line.slowestMs} |`),
    `attacks: ${Object.entries(attacks.attacks).sort().map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ...honest.failures.map((text) => `  failed: ${text}`),
    ...attacks.errors.map((text) => `  attack: ${text}`),
    ...isWrong ? ['the last attacks:', ...attacks.last.map((text) => `  ${text}`)] : [],
    ...lines.slice(-60).map((line) => `  node: ${line.slice(0, 2_000)}`)
  ].join('\n')
}
