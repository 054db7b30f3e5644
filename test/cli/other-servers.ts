// Servers that are no registry, or a hostile one.
import { createServer, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { run } from '../../server/cli/run.ts'
import type { Terminal } from '../../server/cli/terminal.ts'
import type { Ran } from './helper.ts'

/** Listens on the loopback address until the test ends. */
export async function listening (t: Test,
  answer: (path: string, method: string, response: ServerResponse, view: string) => void): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume()
    const url = new URL(request.url ?? '/', 'http://x')
    request.once('end',
      () => { answer(url.pathname, request.method ?? '', response,
        url.searchParams.has('view') ? `?view=${url.searchParams.get('view')}` : '') })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Runs a command to its end. */
export async function ran (url: string, argv: readonly string[], more: Partial<Terminal> = {}): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const exitCode = await run(argv, {
    env: { ROLLCALL_ADDRESS: url }, hostname: 'machine', user: 'ann', colours: false, now: () => 0,
    signal: new AbortController().signal,
    readFile: () => JSON.stringify(manifest), readDirectory: () => undefined,
    readInput: async () => JSON.stringify(manifest), out: (text) => { out.push(text) },
    err: (text) => { err.push(text) }, ...more
  })
  return { exitCode, out, err }
}

export const manifest =
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }

/** Every command that asks a registry, with what it needs. */
export const asking: readonly (readonly string[])[] = [
  ['get', 'services'], ['get', 'services', 'web'], ['get', 'services', 'web', '-o', 'yaml'], ['get', 'instances'],
  ['get', 'instances', 'web/a'], ['get', 'endpoints'], ['get', 'endpoints', 'web'],
  ['get', 'endpointslices', 'web'], ['get', 'pools'], ['get', 'namespaces'], ['get', 'events'], ['get', 'overrides'], ['get', 'handmade'],
  ['get', 'unreadable'], ['get', 'unreadable', 'k'], ['get', 'services', '-w'], ['get', 'events', '-w'], ['watch'],
  ['describe', 'instance', 'web/a'], ['describe', 'service', 'web'], ['top', 'instances'], ['status'], ['explain', 'web/a'],
  ['resolve', 'web'], ['resolve', 'web', 'A', '--trace'], ['apply', '-f', '-'], ['delete', '-f', '-'],
  ['delete', 'service', 'web'], ['delete', 'unreadable', 'k'], ['expose', 'web', '--port', '80'],
  ['label', 'web/a', 'x=y'], ['register', 'web', '-p', '80'], ['deregister', 'web/a'], ['heartbeat', 'web/a'],
  ['drain', 'web/a'], ['undrain', 'web/a'],
  ['login', '--token', 'rc_x'], ['token', 'create', 'a'], ['token', 'list'], ['token', 'revoke', 'a'], ['whoami'], ['can-i', 'read', 'shop', 'orders'],
  ['get', 'policies'], ['kubeconfig'],
  ['get', 'ingress'], ['get', 'ingress', 'web'], ['get', 'ingressclass'], ['get', 'secrets'], ['get', 'secret', 'tls', '-o', 'yaml', '--show-secrets'], ['get', 'hpa'],
  ['get', 'hpa', 'web', '-o', 'yaml'], ['describe', 'ingress', 'web'], ['describe', 'hpa', 'web'], ['create', 'ingress', 'web', '--rule', 'a.example/*=web:80'],
  ['delete', 'ingress', 'web']
]
