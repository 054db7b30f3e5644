// rollcall drain and undrain: an operator's word on an instance, with who said it, why and until when.
import type { Instance } from '../../client-sdk/src/wire.ts'
import { readDuration } from '../config/duration-text.ts'
import { instancePath } from './paths.ts'
import { connectionFlags, instanceName, namespaceFlag, type Command } from './command.ts'
import { statusText } from './shapes.ts'

export const drain: Command = {
  name: 'drain',
  summary: 'Takes an instance out of the answers, in spite of its own status',
  usage: 'drain SERVICE/ID [flags]',
  details: 'An override survives the re-registration of the instance, and stays until `rollcall undrain` or the end of --for.',
  flags: {
    ...namespaceFlag,
    reason: { type: 'string', metavar: 'TEXT', what: 'Why, for other operators' },
    for: { type: 'string', metavar: 'DURATION', what: 'How long, like 10m or 2h; then it ends by itself' },
    author: { type: 'string', metavar: 'NAME', what: 'Who says so (default: the user of this shell)' },
    down: { type: 'boolean', what: 'Down instead of draining: its connections should end too' },
    ...connectionFlags
  },
  examples: [
    ['drain orders/orders-1 --reason "disk is full" --for 2h', 'no new callers for two hours'],
    ['drain orders/orders-1 --down', 'out, as if it had failed']
  ],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE/ID')
    const { service, id } = instanceName(text)
    const { user, now } = call.terminal
    const duration = call.read('for', readDuration)
    const instance = await (await call.api()).put<Instance>(instancePath(call.namespace, service, id, 'override'), {
      status: call.flag('down') ? 'down' : 'draining',
      author: call.text('author') ?? user,
      reason: call.text('reason') ?? '',
      ...(duration === undefined ? {} : { until: new Date(now() + duration).toISOString() })
    })
    const until = instance.override?.until
    call.terminal.out(`${service}/${id} is ${statusText(instance)}${until === undefined ? '' : ` until ${until}`}`)
  }
}

export const undrain: Command = {
  name: 'undrain',
  summary: 'Takes the override off an instance: it counts for what it says again',
  usage: 'undrain SERVICE/ID [flags]',
  flags: { ...namespaceFlag, ...connectionFlags },
  examples: [['undrain orders/orders-1', 'callers come again']],
  run: async (call) => {
    const [text = ''] = call.arguments('SERVICE/ID')
    const { service, id } = instanceName(text)
    await (await call.api()).delete(instancePath(call.namespace, service, id, 'override'))
    call.terminal.out(`${service}/${id} has no override any more`)
  }
}
