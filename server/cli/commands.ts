// The list of commands, in the order of the help. Each is loaded when it is run: what one needs, no other waits for.
import type { Command } from './command.ts'

/** By name. `delete` and `import` are words of the language, so that their commands are called otherwise. */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  get: async () => (await import('./get.ts')).get,
  describe: async () => (await import('./describe.ts')).describe,
  top: async () => (await import('./top.ts')).top,
  status: async () => (await import('./status.ts')).status,
  explain: async () => (await import('./expose.ts')).explain,
  resolve: async () => (await import('./resolve.ts')).resolve,
  watch: async () => (await import('./watch.ts')).watch,
  apply: async () => (await import('./apply.ts')).apply,
  create: async () => (await import('./create.ts')).create,
  delete: async () => (await import('./apply.ts')).remove,
  expose: async () => (await import('./expose.ts')).expose,
  autoscale: async () => (await import('./autoscale.ts')).autoscale,
  label: async () => (await import('./expose.ts')).label,
  register: async () => (await import('./register.ts')).register,
  deregister: async () => (await import('./register.ts')).deregister,
  heartbeat: async () => (await import('./register.ts')).heartbeat,
  drain: async () => (await import('./drain.ts')).drain,
  undrain: async () => (await import('./drain.ts')).undrain,
  init: async () => (await import('./access.ts')).init,
  login: async () => (await import('./login.ts')).login,
  context: async () => (await import('./login.ts')).context,
  token: async () => (await import('./access.ts')).token,
  whoami: async () => (await import('./access.ts')).whoami,
  'can-i': async () => (await import('./access.ts')).canI,
  backup: async () => (await import('./backup.ts')).backup,
  restore: async () => (await import('./backup.ts')).restore,
  import: async () => (await import('./import.ts')).importCommand,
  proxy: async () => (await import('./proxy.ts')).proxy,
  autoscaler: async () => (await import('./autoscaler.ts')).autoscaler,
  kubeconfig: async () => (await import('./kubeconfig.ts')).kubeconfig,
  certificate: async () => (await import('./certificate.ts')).certificate,
  version: async () => (await import('./version.ts')).version,
  completion: async () => (await import('./completion.ts')).completion(allCommands)
}

export const commandNames: readonly string[] = Object.keys(loaders)

/** One command, loaded; undefined = there is none of that name. */
export async function loadCommand (name: string): Promise<Command | undefined> {
  return Object.hasOwn(loaders, name) ? await loaders[name]?.() : undefined
}

/** Every command, loaded: for the help of all, the completion script and the reference page. */
export async function allCommands (): Promise<readonly Command[]> {
  return await Promise.all(Object.values(loaders).map((load) => load()))
}
