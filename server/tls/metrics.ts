// When the certificates of the listeners expire.
import { Gauge, type Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { KeptCertificate } from './kept-certificate.ts'

/** Shows the certificates that are in use. */
export function observeCertificates (register: Registry, certificates: readonly KeptCertificate[], clock: Clock): void {
  if (certificates.length === 0) return
  new Gauge({
    name: 'rollcall_certificate_expiry_seconds',
    help: 'Seconds until the certificate of a listener, or one that leads to its root, expires; below 0: it has.',
    labelNames: ['listener'],
    registers: [register],
    collect () {
      for (const { name, current } of certificates) this.set({ listener: name }, (current.expiresAtMs - clock.now()) / 1_000)
    }
  })
}
