// What the runtime brings: environment variables and the global WebSocket, where there are such.
import type { WebSocketConstructor } from './web-socket.ts'

/** The value of an environment variable; empty is as good as absent. */
export function environment (name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } } // absent in browsers and edge runtimes
  const value = process?.env?.[name]
  return value === '' ? undefined : value
}

export function globalWebSocket (): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket // typed by each runtime in its own way; the used part is the same
}

/** Whether the WebSocket of this runtime sends headers that it is told: Node's, Bun's and Deno's do, a browser's does not. */
export function setsHeaders (): boolean {
  const { process, Bun, Deno } = globalThis as { process?: { versions?: { node?: string } }, Bun?: unknown, Deno?: unknown } // absent elsewhere
  return process?.versions?.node !== undefined || Bun !== undefined || Deno !== undefined
}
