// The settings of Consul's HTTP API.
import { Type, type Static, type TObject } from 'typebox'
import type { Listener } from '../config/kinds.ts'
import { doc, listenerSchema, room } from '../config/setting.ts'
import { LabelName } from '../model/instance/instance.ts'

export const consulRoom = room({
  title: 'Consul',
  settings: {
    consul: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'consul', kind: 'listener', off: true, opens: 'register, change and remove instances',
      what: 'Where the registry speaks Consul\'s HTTP API, for clients of Consul as they are: agent, catalog and health. 8500 is the port that they expect.',
      why: 'Unset: nobody speaks it. Keys and values, sessions and the mesh are not there.'
    }) })),
    consulNamespace: Type.Unsafe<string>({ ...LabelName, ...doc({
      name: 'consul-namespace', kind: 'name', default: 'default',
      what: 'The namespace that a request of Consul\'s API means that names none: clients of Consul without Enterprise cannot. Those that can send `?ns=`, `X-Consul-Namespace` or `Namespace`.',
      why: '`default` is where everything is that was never told another one.'
    }) }),
    consulDatacenter: Type.Unsafe<string>({ ...LabelName, ...doc({
      name: 'consul-datacenter', kind: 'name', default: 'dc1',
      what: 'What this registry is called as a datacenter of Consul. A request for another one (`?dc=`) is refused as Consul does.',
      why: '`dc1` is Consul\'s own default. Clients show it, and some of them put it into names.'
    }) })
  }
})

export type ConsulConfig = Static<TObject<typeof consulRoom.settings>>

/** What Consul's API is started with. */
export interface ConsulValues {
  readonly listen: Listener
  readonly namespace: string
  readonly datacenter: string
}

/** undefined = this node does not speak it. */
export function readConsulSettings ({ consul, consulNamespace: namespace, consulDatacenter: datacenter }: ConsulConfig): ConsulValues | undefined {
  return consul === undefined ? undefined : { listen: consul, namespace, datacenter }
}
