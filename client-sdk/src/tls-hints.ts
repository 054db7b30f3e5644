// How a person at a client names what TLS needs, in the sentences of faults.
import type { TlsHints } from './rules/tls-faults.ts'

export const tlsHints: TlsHints = {
  ca: 'ca (--ca, ROLLCALL_CA)',
  pair: 'cert and key (--cert and --key, ROLLCALL_CERT and ROLLCALL_KEY)'
}
