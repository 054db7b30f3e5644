// A registry with the API of Kubernetes open, and requests to it.
import { temporaryDirectory, type Closable } from '../support/closable.ts'
import { startNode } from '../support/processes.ts'

export interface Answered {
  readonly status: number
  /** Texts of the `Warning` headers. */
  readonly warnings: readonly string[]
  readonly body: any
}

export interface KubernetesNode {
  /** Of the native API. */
  readonly native: string
  /** Of Kubernetes'. */
  readonly url: string
  readonly ask: (method: string, path: string, body?: unknown, type?: string) => Promise<Answered>
}

export const patchTypes = {
  json: 'application/json-patch+json', merge: 'application/merge-patch+json', strategic: 'application/strategic-merge-patch+json', apply: 'application/apply-patch+yaml'
} as const

export async function startKubernetes (t: Closable, args: readonly string[] = []): Promise<KubernetesNode> {
  const node = await startNode(t, ['--data', await temporaryDirectory(t), '--kubernetes', '127.0.0.1:0', ...args])
  const { kubernetes: url } = JSON.parse(await node.line(/"msg":"ready"/)) as { kubernetes: string }
  return {
    native: node.url, url,
    ask: async (method, path, body, type = 'application/json') => {
      const sent = body === undefined ? {} : { headers: { 'content-type': type }, body: Buffer.isBuffer(body) ? new Uint8Array(body) : typeof body === 'string' ? body : JSON.stringify(body) }
      const response = await fetch(`${url}${path}`, { method, ...sent })
      const said = response.headers.get('warning')
      return { status: response.status, warnings: [...said?.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g) ?? []].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1')), body: await response.json() }
    }
  }
}
