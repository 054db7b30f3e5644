// The settings of the process itself: what it is called, how it starts and ends, and whether strangers may reach it.
import { Type, type Static, type TObject } from 'typebox'
import { idPattern, idRule } from '../model/names.ts'
import { isNodeUrl } from './kinds.ts'
import { between, doc, room } from './setting.ts'

const minute = 60_000

export const processRoom = room({
  title: 'the process',
  settings: {
    node: Type.String({ pattern: idPattern, rule: idRule, ...doc({
      name: 'node', kind: 'name',
      what: 'The name of this node, in logs, metrics and events. Several nodes on one Redis should have different ones.',
      why: 'Unset: the host name of the machine, which is different on each in most places.'
    }) }),
    advertise: Type.Optional(Type.Refine(Type.String({
      maxLength: 256, rule: 'must be the URL of this node, like http://10.0.0.5:7500, without user, query and fragment', ...doc({
        name: 'advertise', kind: 'url',
        what: 'Where clients reach the HTTP API of this node. The other nodes on the same Redis hear of it, and name it to their watchers when they shut down.',
        why: 'Unset: the address of `http`, if that is one that others can reach; loopback and "all addresses" are not, and are named to nobody.'
      })
    }), isNodeUrl)),
    insecure: Type.Boolean({ ...doc({
      name: 'insecure', kind: 'boolean', default: 'false',
      what: 'Permits listeners off loopback without access control.',
      why: 'An open registry lets every neighbour on the network send the traffic of a service to himself. Say it only behind a network that is closed to strangers.'
    }) }),
    proxy: Type.Boolean({ ...doc({
      name: 'proxy', kind: 'boolean', default: 'false',
      what: 'Runs the agent of this machine (`rollcall proxy`) beside the registry: it begins when the registry is ready, is started again if it ends, and ends with it. It takes the kernel if it may, else its own process.',
      why: 'For one machine that is both. On the others run `rollcall proxy` by itself; it has its own flags. It serves no ingresses: for that run `rollcall proxy --mode off --ingress HOST:80` beside it.'
    }) }),
    startTimeoutMs: Type.Integer({ minimum: 0, maximum: 60 * minute, ...between('0s', '1h'), ...doc({
      name: 'start-timeout', kind: 'duration', default: '60s',
      what: 'How long each step of the start may take: listening, reaching the data directory, the first load of the store. A start that takes longer ends with exit code 1 and names the step and what it waits for. 0s: it waits for ever.',
      why: 'A Redis that starts beside the node is there by then. A node that waits for ever looks like one that starts.',
      raise: 'A start that hangs is noticed later.', lower: 'A Redis that is slow to load its data ends the nodes that wait for it.'
    }) }),
    shutdownGraceMs: Type.Integer({ minimum: 0, maximum: 10 * minute, ...between('0s', '10m'), ...doc({
      name: 'shutdown-grace', kind: 'duration', default: '3s',
      what: 'After SIGTERM or SIGINT the node says that it is not ready and goes on answering until nobody has asked for half a second, for this long at most; then it ends, whatever is under way.',
      why: 'Time for load balancers and clients to see that it is going. Under the ten seconds after which Docker kills; systemd waits 90 s, Kubernetes 30 s.',
      raise: 'Must stay a second under the patience of whoever stops the process.', lower: 'Slow requests are cut off, and clients that did not look elsewhere yet are refused.'
    }) })
  }
})

export type ProcessConfig = Static<TObject<typeof processRoom.settings>>

export interface ProcessValues {
  readonly node: string
  /** Where clients reach this node; undefined = where it listens. */
  readonly advertise: string | undefined
  /** The agent of this machine runs beside it. */
  readonly proxy: boolean
  /** 0 = no limit. */
  readonly startTimeoutMs: number
  readonly shutdownGraceMs: number
}

export function readProcessSettings ({ node, advertise, proxy, startTimeoutMs, shutdownGraceMs }: ProcessConfig): ProcessValues {
  return { node, advertise: advertise?.replace(/\/+$/, ''), proxy, startTimeoutMs, shutdownGraceMs }
}
