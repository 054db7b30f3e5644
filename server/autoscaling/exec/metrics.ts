// The metrics of `rollcall autoscaler`, in Prometheus' text form.
import type { CommandStatus } from './autoscaler.ts'

const rows: readonly (readonly [name: string, type: 'gauge' | 'counter', help: string, value: (status: CommandStatus) => number | undefined])[] = [
  ['desired_replicas', 'gauge', 'Instances that the registry wants; absent while it does not say so.', ({ desired }) => desired],
  ['current_replicas', 'gauge', 'Instances that the registry counts; absent while it does not say so.', ({ current }) => current],
  ['running', 'gauge', 'The program of the autoscaler runs now.', ({ isRunning }) => Number(isRunning)],
  ['runs_total', 'counter', 'Runs of the program that are over.', ({ runs }) => runs],
  ['failures_total', 'counter', 'Runs that ended with another code than 0, by a signal or by the time limit.', ({ failures }) => failures],
  ['failing', 'gauge', 'The last run failed.', ({ fault }) => Number(fault !== undefined)],
  ['last_run_seconds', 'gauge', 'Time that the last run took.', ({ lastRunMs }) => (lastRunMs === undefined ? undefined : lastRunMs / 1_000)],
  ['last_answer_age_seconds', 'gauge', 'Time since the registry has said a number.', ({ heardMsAgo }) => (heardMsAgo === undefined ? undefined : heardMsAgo / 1_000)]
]

/** @returns the text of `/metrics`; what is not known is left out */
export function metricsText (statuses: readonly CommandStatus[], isFileGood: boolean): string {
  const own = `# HELP rollcall_autoscaler_file_good The file was read the last time it changed.\n# TYPE rollcall_autoscaler_file_good gauge\nrollcall_autoscaler_file_good ${Number(isFileGood)}\n`
  return own + rows.map(([name, type, help, value]) => {
    const samples = statuses.flatMap((status) => {
      const number = value(status)
      return number === undefined ? [] : [`rollcall_autoscaler_${name}{namespace="${status.namespace}",autoscaler="${status.name}"} ${number}\n`]
    })
    return `# HELP rollcall_autoscaler_${name} ${help}\n# TYPE rollcall_autoscaler_${name} ${type}\n${samples.join('')}`
  }).join('')
}
