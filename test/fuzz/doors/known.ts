// What is known to be wrong, until it is mended. The list must become empty: the test fails when an entry does not show
// any more.
import type { Made, Manifest, Operation } from './operations.ts'
import type { Disagreement } from './comparison.ts'

export interface Known {
  readonly title: string
  /** Which section of which issue asks for the mend. */
  readonly issue: string
  /** The shortest list that shows it, on SQLite. */
  readonly shows: readonly Operation[]
  readonly is: (disagreement: Disagreement) => boolean
  /** It shows at the end of a run: when what was read is applied. */
  readonly again?: true
}

const look: Operation = { type: 'look' }
const http = [{ name: 'http', port: 8080 }]
const register = (path: string, address: string, more: Partial<Made> = {}): Operation => (
  { type: 'register', path, body: { address, generation: 'g1', ports: http, lease: { ttlMs: 86_400_000 }, ...more } }
)
const declare = (kind: Manifest['kind'], name: string, rest: object): Operation => (
  { type: 'apply', manifest: { apiVersion: 'v1', kind, metadata: { namespace: 'shop', name }, ...rest } }
)
const selecting = { spec: { selector: { app: 'x' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] } }
const app = { labels: { app: 'x' } }
/** Two at one address that one service selects. */
const twins = [
  declare('Service', 'blue', selecting), register('shop/alpha/host-1', '10.0.0.1', app),
  register('shop/beta/host-1', '10.0.0.1', app)
]

export const known: readonly Known[] = [
  {
    title: 'an IPv6-only implicit service has an empty Endpoints object', issue: '18.2',
    shows: [register('shop/alpha/host-1', 'fd00::1'), look],
    is: ({ door, about, meant }) => door === 'slices' && about.startsWith('Endpoints of') && JSON.stringify(meant).includes('fd00')
  },
  {
    title: 'slices know an endpoint by address and id', issue: '18.2',
    shows: [...twins, { type: 'patch', path: 'shop/beta/host-1', patch: { status: 'down' } }, look],
    is: ({ door, about }) => door === 'slices' && about.startsWith('slices of')
  },
  {
    title: 'the target of a slice does not say the registered service', issue: '18.2',
    shows: [...twins, register('shop/beta/host-1', '10.0.0.2', app), look],
    is: ({ door, about }) => door === 'slices' && about.startsWith('targets of')
  },
  {
    title: 'the implicit label of a selector is the asked name', issue: '18.2',
    shows: [declare('Service', 'blue', selecting), register('shop/alpha/host-1', '10.0.0.1', app), look],
    is: ({ about }) => about.includes('?selector=rollcall.dev/service')
  },
  {
    title: 'an endpoint is named by the asked name', issue: '18.2',
    shows: [declare('Service', 'blue', selecting), register('shop/alpha/host-1', '10.0.0.1', app), look],
    is: ({ about }) => about.endsWith('-o name')
  },
  {
    title: 'the manifest view of an implicit service cannot be applied', issue: '18.2',
    shows: [register('shop/alpha/host-1', '10.0.0.1'), look],
    is: ({ door, about }) => door === 'again' && about.includes('?view=manifest'),
    again: true
  },
  {
    title: 'the mirrored slice of an Endpoints object makes a list that cannot be applied', issue: '18.2',
    shows: [
      declare('Endpoints', 'blue', { subsets: [{ addresses: [{ ip: '10.9.0.1' }], ports: http }] }), declare(
        'Service', 'blue', { spec: { clusterIP: 'None' } }
      ), look
    ],
    is: ({ door, about }) => door === 'again' && about.includes('/endpointslices'),
    again: true
  },
  {
    title: 'a load balancer without an address that becomes another type is a change twice', issue: '18.2',
    shows: [
      declare(
        'Service', 'blue',
        { spec: { type: 'LoadBalancer', selector: { app: 'x' }, ports: [{ port: 80 }], ipFamilies: ['IPv6'] } }
      ),
      declare('Service', 'blue', { spec: { selector: { app: 'x' }, ports: [{ port: 80 }] } }), look
    ],
    is: ({ about }) => about.startsWith('outcome of the second time') || about.startsWith('stored by the second time')
  },
  {
    title: 'a registration whose ports came in another order is a change', issue: '18.2',
    shows: [
      register('shop/alpha/host-1', '10.0.0.1', { ports: [...http, { name: 'dns', port: 53 }] }),
      register('shop/alpha/host-1', '10.0.0.1', { ports: [{ name: 'dns', port: 53 }, ...http] }), look
    ],
    is: ({ about }) => about.startsWith('no new revision by {"type":"register"')
  }
]

/** @param but an entry that is looked for */
export function isKnown (disagreement: Disagreement, but?: Known): boolean {
  return known.some((entry) => entry !== but && entry.is(disagreement))
}
