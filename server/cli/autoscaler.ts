// rollcall autoscaler: runs this machine's programs for autoscalers. What it does is in server/autoscaler-command.ts.
import { type Command, connectionFlags } from './command.ts'

export const autoscaler: Command = {
  name: 'autoscaler',
  summary: 'Runs a program of this machine when another number of instances is desired',
  usage: 'autoscaler --config FILE [flags]',
  details: `Asks the registry how many instances each autoscaler of the file should have, and runs the program that the
file names for it: once at the start, whenever that number changes, and again with longer and longer pauses while
another number is counted. At most one run for an autoscaler at a time, of the newest number. No manifest can name a
program. The file is read again when it changes. It runs until a signal ends it; what it has started stays.

The program finds in its environment: ROLLCALL_DESIRED, ROLLCALL_CURRENT, ROLLCALL_NAMESPACE, ROLLCALL_HPA,
ROLLCALL_TARGET (Kind/name), ROLLCALL_DECISION, ROLLCALL_REASON, and ROLLCALL_ADDRESS of the registry.`,
  flags: {
    config: {
      type: 'string', metavar: 'FILE',
      what: 'Which program is run for which autoscaler, in YAML (docs/guides/autoscaling.md)'
    },
    check: { type: 'boolean', what: 'Reads the file, says what is wrong with it, and runs nothing' },
    health: {
      type: 'string', metavar: 'HOST:PORT', what: 'Where /livez, /healthz and /metrics are answered; off: nowhere (default off)'
    },
    'log-level': { type: 'string', metavar: 'LEVEL', what: 'error, warn, info or debug (default info)' },
    ...connectionFlags
  },
  examples: [
    ['autoscaler --config autoscaler.yaml', 'until a signal ends it'],
    ['autoscaler --config autoscaler.yaml --check', 'what is wrong with the file, if anything'],
    ['autoscaler --config autoscaler.yaml --health 127.0.0.1:10266', 'with metrics for Prometheus']
  ],
  run: async (call) => {
    call.arguments()
    const { runAutoscaler } = await import('../autoscaler-command.ts')
    return await runAutoscaler(call)
  }
}
