// All settings of the Kubernetes API. A new one is a fragment here, a line in `readKubernetesSettings` and the place where it is used.
import { Type, type Static, type TObject } from 'typebox'
import { isLoopback, type Listener } from '../config/kinds.ts'
import { doc, listenerSchema, type Origins, room } from '../config/setting.ts'
import { invalid } from '../errors.ts'
import type { CertificateFiles } from '../tls/certificate.ts'

export const kubernetesRoom = room({
  title: 'the Kubernetes API',
  settings: {
    kubernetes: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'kubernetes', kind: 'listener', off: true, opens: 'change services and remove instances',
      what: 'Where kubectl and other clients of Kubernetes are answered. At a loopback address without TLS, unless `kubernetes-tls-cert` is set; elsewhere with TLS. While it is open there is a service `kubernetes` in the namespace `default` that leads there. `rollcall kubeconfig` writes what kubectl needs.',
      why: 'Unset: nobody asks in the words of Kubernetes. kubectl sends a token over TLS only.'
    }) })),
    kubernetesTlsCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'kubernetes-tls-cert', kind: 'file', reloaded: true,
      what: 'The file with the certificate of `kubernetes`, in PEM form, with those that lead to its root.',
      why: 'Unset: that of `http-tls-cert` is used where TLS is needed.'
    }) })),
    kubernetesTlsKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'kubernetes-tls-key', kind: 'file', reloaded: true,
      what: 'The file with the private key of that certificate, in PEM form. The log warns if other users of the machine may read it.',
      why: 'Unset: that of `http-tls-key` is used where TLS is needed.'
    }) }))
  }
})

export type KubernetesConfig = Static<TObject<typeof kubernetesRoom.settings>>

/** Where it listens; with the files of a certificate: over TLS. */
export interface KubernetesValues {
  readonly listen: Listener
  readonly tls: CertificateFiles | undefined
}

/** What of HTTP's settings stands in. */
interface HttpTls {
  readonly httpTlsCert?: string
  readonly httpTlsKey?: string
  readonly httpTlsClientCa?: string
}

/** @throws RegistryError REG_INVALID for an address that needs a certificate where there is none */
export function readKubernetesSettings (config: KubernetesConfig & HttpTls, { field }: Origins): KubernetesValues | undefined {
  const { kubernetes: listen, kubernetesTlsCert: cert, kubernetesTlsKey: key } = config
  const given = cert === undefined ? key === undefined ? undefined : 'kubernetes-tls-key' : 'kubernetes-tls-cert'
  if (given !== undefined && (cert === undefined || key === undefined)) {
    throw invalid([{ field: field(given), rule: `needs ${given === 'kubernetes-tls-cert' ? 'kubernetes-tls-key' : 'kubernetes-tls-cert'} too: a certificate is of no use without its key` }])
  }
  if (listen === undefined) {
    if (given !== undefined) throw invalid([{ field: field(given), rule: 'needs kubernetes too: there is no listener that it is for' }])
    return undefined
  }
  if (cert === undefined && isLoopback(listen.host)) return { listen, tls: undefined }
  const [certFile, keyFile] = cert === undefined ? [config.httpTlsCert, config.httpTlsKey] : [cert, key]
  if (certFile === undefined || keyFile === undefined) {
    throw invalid([{ field: field('kubernetes'), rule: 'needs kubernetes-tls-cert and kubernetes-tls-key (or those of http-tls) at an address that is no loopback: kubectl sends no token without TLS' }])
  }
  return { listen, tls: { name: 'kubernetes-tls', certFile, keyFile, caFile: config.httpTlsClientCa } }
}
