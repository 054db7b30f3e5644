// The list of commands, in the order of the help.
import { apply, remove } from './apply.ts'
import { backup, restore } from './backup.ts'
import type { Command } from './command.ts'
import { completion } from './completion.ts'
import { describe } from './describe.ts'
import { drain, undrain } from './drain.ts'
import { explain, expose, label } from './expose.ts'
import { get } from './get.ts'
import { proxy } from './proxy.ts'
import { deregister, heartbeat, register } from './register.ts'
import { resolve } from './resolve.ts'
import { status } from './status.ts'
import { version } from './version.ts'
import { watch } from './watch.ts'

export const commands: readonly Command[] = [
  get, describe, status, explain, resolve, watch, apply, remove, expose, label, register, deregister, heartbeat, drain, undrain, backup, restore,
  proxy, version, completion(() => commands)
]
