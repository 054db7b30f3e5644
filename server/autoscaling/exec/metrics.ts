// The metrics of `rollcall autoscaler`, in Prometheus' text form.
import type { CommandStatus } from './autoscaler.ts'

type Row = readonly [
  name: string, type: 'gauge' | 'counter', help: string, value: (status: CommandStatus) => number | undefined
]

const rows: readonly Row[] = [
  ['desired_replicas', 'gauge', 'Instances that the registry wants, while it says so.', ({ desired }) => desired],
  ['current_replicas', 'gauge', 'Instances that the registry counts, while it says so.', ({ current }) => current],
  ['running', 'gauge', 'The program of the autoscaler runs now.', ({ isRunning }) => Number(isRunning)],
  ['runs_total', 'counter', 'Runs of the program that are over.', ({ runs }) => runs],
  ['failures_total', 'counter', 'Runs that failed: another code than 0, a signal, the time limit.', ({ failures }) => failures],
  ['failing', 'gauge', 'The last run failed.', ({ fault }) => Number(fault !== undefined)],
  ['last_run_seconds', 'gauge', 'Time that the last run took.', ({ lastRunMs }) => seconds(lastRunMs)],
  ['last_answer_age_seconds', 'gauge', 'Time since the registry has said a number.', ({ heardMsAgo }) => seconds(heardMsAgo)]
]

function seconds (ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000
}

function head (name: string, type: string, help: string): string {
  return `# HELP rollcall_autoscaler_${name} ${help}\n# TYPE rollcall_autoscaler_${name} ${type}\n`
}

/** @returns the text of `/metrics`; what is not known is left out */
export function metricsText (statuses: readonly CommandStatus[], isFileGood: boolean): string {
  const own = head('file_good', 'gauge', 'The file could be read the last time that it changed.')
  return `${own}rollcall_autoscaler_file_good ${Number(isFileGood)}\n` + rows.map(([name, type, help, value]) => {
    const samples = statuses.flatMap((status) => {
      const number = value(status)
      const labels = `namespace="${status.namespace}",autoscaler="${status.name}"`
      return number === undefined ? [] : [`rollcall_autoscaler_${name}{${labels}} ${number}\n`]
    })
    return head(name, type, help) + samples.join('')
  }).join('')
}
