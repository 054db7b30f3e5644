// A worker of the ingress with one certificate, for ingress-tls.ts: prints its port of TLS.
import { guardedClock, systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { bindPlaces } from '../../server/proxy/ingress/workers/place-sockets.ts'
import { IngressWorker } from '../../server/proxy/ingress/workers/worker.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory = ''] = process.argv.slice(2)
const pair = { cert: readFileSync(join(directory, 'a.crt'), 'utf8'), key: readFileSync(join(directory, 'a.key'), 'utf8') }
const worker = new IngressWorker({
  settings: {
    place: 0, machine: { node: 'a', addresses: new Set(), nodeAddresses: [], serviceRanges: [], externalRanges: [] }, trusted: [], proxied: [], allowExternalNames: false,
    timeouts: {}, limits: { connections: 10_000, headBytes: 16_384, headMs: 10_000, idleMs: 72_000, streams: 128 }, accessSample: undefined, logLevel: 'error'
  },
  clock: guardedClock(systemClock, standaloneGuard, 'bench'), guard: standaloneGuard, log: { warn: () => undefined }, writeAccess: () => undefined, tell: () => undefined
})
await worker.take({
  type: 'state', changes: {
    isAll: true, classes: [], services: [], gone: { ingresses: [], classes: [], services: [] },
    ingresses: [{
      apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { namespace: 'shop', name: 'web' },
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } }, tls: [{ hosts: ['a.example'], secretName: 'tls' }] }
    }],
    certificates: { bySecret: new Map([['shop/tls', pair]]), other: undefined, ticketKeys: new Uint8Array(48) }
  }
})
const [[socket] = []] = await bindPlaces([{ host: '127.0.0.1', port: 0, scheme: 'https' }], 1, () => undefined)
if (socket === undefined) throw new Error('there is no socket')
await worker.take({ type: 'listen', id: socket.id, scheme: 'https' }, socket.handle)
console.log(socket.port)
process.stdin.resume().on('end', () => process.exit())
