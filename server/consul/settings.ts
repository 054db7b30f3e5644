// The settings of Consul's HTTP API.
import { Type, type Static, type TObject } from 'typebox'
import type { Listener } from '../config/kinds.ts'
import { doc, listenerSchema, type Origins, room } from '../config/setting.ts'
import { invalid } from '../errors.ts'
import { LabelName } from '../model/instance/instance.ts'
import type { CertificateFiles } from '../tls/certificate.ts'

export const consulRoom = room({
  title: 'Consul',
  settings: {
    consul: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'consul', kind: 'listener', off: true, opens: 'register, change and remove instances',
      what: 'Where the registry speaks Consul\'s HTTP API, for clients of Consul as they are: agent, catalog and health. 8500 is the port that they expect.',
      why: 'Unset: nobody speaks it. Keys and values, sessions and the mesh are not there.'
    }) })),
    consulTlsCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'consul-tls-cert', kind: 'file', reloaded: true,
      what: 'The file with the certificate of `consul`, in PEM form, with those that lead to its root: then that listener speaks TLS only. Read again when it changes.',
      why: 'Unset: it speaks plain HTTP, as agents of Consul do within a machine.'
    }) })),
    consulTlsKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'consul-tls-key', kind: 'file', reloaded: true,
      what: 'The file with the private key of that certificate, in PEM form. The log warns if other users of the machine may read it.',
      why: 'Unset: there is no TLS.'
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
  /** The files of its certificate; undefined = plain HTTP. */
  readonly tls: CertificateFiles | undefined
  readonly namespace: string
  readonly datacenter: string
}

/**
 * undefined = this node does not speak it.
 * @throws RegistryError REG_INVALID for a certificate without its key, or without a listener
 */
export function readConsulSettings (config: ConsulConfig & { readonly httpTlsClientCa?: string }, { field }: Origins): ConsulValues | undefined {
  const { consul: listen, consulTlsCert: certFile, consulTlsKey: keyFile, consulNamespace: namespace, consulDatacenter: datacenter } = config
  const given = certFile !== undefined ? 'consul-tls-cert' : keyFile !== undefined ? 'consul-tls-key' : undefined
  if (given !== undefined && listen === undefined) throw invalid([{ field: field(given), rule: 'needs consul too: there is no listener that it is for' }])
  if (given !== undefined && (certFile === undefined || keyFile === undefined)) {
    throw invalid([{ field: field(given), rule: `needs ${given === 'consul-tls-cert' ? 'consul-tls-key' : 'consul-tls-cert'} too: a certificate is of no use without its key` }])
  }
  if (listen === undefined) return undefined
  const tls = certFile === undefined || keyFile === undefined ? undefined : { name: 'consul-tls', certFile, keyFile, caFile: config.httpTlsClientCa }
  return { listen, tls, namespace, datacenter }
}
