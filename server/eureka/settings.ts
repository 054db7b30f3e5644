// The settings of the listener that speaks Eureka.
import { Type, type Static, type TObject } from 'typebox'
import { invalid } from '../errors.ts'
import type { Listener } from '../config/kinds.ts'
import { type Origins, doc, listenerSchema, room } from '../config/setting.ts'
import { labelPattern, labelRule } from '../model/names.ts'
import type { CertificateFiles } from '../tls/certificate.ts'

export const eurekaRoom = room({
  title: 'Eureka',
  settings: {
    eureka: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'eureka', kind: 'listener', off: true, opens: 'register, change and remove instances',
      what: 'Where clients of Netflix Eureka are served, by their own protocol (`/eureka`, `/eureka/v1`, `/eureka/v2`), and the page that they know (`/`). Their usual port is 8761. See docs/guides/eureka.md.',
      why: 'Unset: only who has such clients needs it.'
    }) })),
    eurekaNamespace: Type.String({ pattern: labelPattern, rule: labelRule, ...doc({
      name: 'eureka-namespace', kind: 'name', default: 'default',
      what: 'The namespace of Eureka\'s clients that name none, by their path (`/namespaces/NAME/eureka`) or the header `X-Rollcall-Namespace`.',
      why: 'As everywhere.'
    }) }),
    eurekaTlsCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'eureka-tls-cert', kind: 'file', reloaded: true,
      what: 'The file with a certificate, in PEM form, with those that lead to its root: with it the listener of `eureka` speaks TLS. Read at the start, and again when it or the key changes. The log warns 21 and 7 days before it expires.',
      why: 'Unset: plain HTTP, as Eureka\'s clients are set up by habit.'
    }) })),
    eurekaTlsKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'eureka-tls-key', kind: 'file', reloaded: true,
      what: 'The file with the private key of that certificate, in PEM form. The log warns if other users of the machine may read it.',
      why: 'Unset: plain HTTP.'
    }) }))
  },
  warnings: ({ eureka, eurekaNamespace }, { isGiven }) => (
    eureka === undefined && isGiven('eureka-namespace') ? [`eureka-namespace ${eurekaNamespace} is of no use where eureka is off`] : []
  )
})

export type EurekaConfig = Static<TObject<typeof eurekaRoom.settings>>

/** What the listener is started with. */
export interface EurekaValues {
  readonly listen: Listener
  readonly namespace: string
  /** undefined = plain HTTP. */
  readonly tls: CertificateFiles | undefined
}

/** @returns undefined = Eureka is not spoken. @throws RegistryError REG_INVALID naming what of TLS is missing */
export function readEurekaSettings (config: EurekaConfig, { field }: Origins): EurekaValues | undefined {
  const { eureka: listen, eurekaNamespace: namespace, eurekaTlsCert: certFile, eurekaTlsKey: keyFile } = config
  if (certFile !== undefined || keyFile !== undefined) {
    const given = certFile === undefined ? 'eureka-tls-key' : 'eureka-tls-cert'
    const missing = [...listen === undefined ? ['eureka'] : [], ...certFile === undefined ? ['eureka-tls-cert'] : [], ...keyFile === undefined ? ['eureka-tls-key'] : []]
    if (missing.length > 0) throw invalid([{ field: field(given), rule: `needs ${missing.join(' and ')} too: TLS is an address, a certificate and its key` }])
  }
  if (listen === undefined) return undefined
  return { listen, namespace, tls: certFile === undefined || keyFile === undefined ? undefined : { name: 'eureka-tls', certFile, keyFile, caFile: undefined } }
}
