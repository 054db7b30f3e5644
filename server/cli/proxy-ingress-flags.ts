// The flags of `rollcall proxy` for ingresses: HTTP by host and path. What they mean is read in server/proxy-ingress-settings.ts.
import type { Flags } from './command.ts'

export const ingressFlags: Flags = {
  ingress: { type: 'string', metavar: 'HOST:PORT,...', what: 'Where the ingresses of the registry are served over HTTP, like 0.0.0.0:80 (default: nowhere)' },
  'ingress-tls': { type: 'string', metavar: 'HOST:PORT,...', what: 'Where they are served over TLS, HTTP/2 and HTTP/1.1, like 0.0.0.0:443 (default: nowhere)' },
  'ingress-class': { type: 'string', metavar: 'NAME,...', what: 'The classes that are served, of those whose controller is rollcall.dev/ingress (default: all of them)' },
  'ingress-workers': { type: 'string', metavar: 'NUMBER', what: 'Processes that answer, at one port: one for each core that they may take (1 to 64, default 1)' },
  'ingress-trusted': { type: 'string', metavar: 'CIDR,...', what: 'Proxies in front whose X-Forwarded headers and request ids are believed (default: nobody\'s)' },
  'ingress-proxy-protocol': { type: 'string', metavar: 'CIDR,...', what: 'Balancers in front that send the PROXY protocol (versions 1 and 2): they must, and nobody else may (default: nobody)' },
  'ingress-certificates': { type: 'string', metavar: 'DIRECTORY', what: 'Where the files of certificates may be that secrets name instead of holding one (default: none are read)' },
  'ingress-default-cert': { type: 'string', metavar: 'FILE', what: 'The certificate, in PEM form, of names that no ingress has one for (default: such a handshake fails, with unrecognized_name)' },
  'ingress-default-key': { type: 'string', metavar: 'FILE', what: 'The key of that certificate, in PEM form' },
  'ingress-service': { type: 'string', metavar: 'NAMESPACE/NAME', what: 'The service that stands in front: ingresses get its load-balancer address (default: the addresses of this machine)' },
  'ingress-external-names': { type: 'boolean', what: 'Asks services of the type ExternalName, too: who may write a service then decides where this machine connects to' },
  'ingress-loopback': { type: 'boolean', what: 'Asks endpoints at loopback addresses, too: only where all of them are on this machine (default: where ingresses are served at loopback addresses alone)' },
  'ingress-access-log': { type: 'string', metavar: 'SHARE', what: 'How many of the requests are logged, each as a line of JSON: from 0 (none but those that failed here) to 1 (all); off: none (default off)' },
  'ingress-response-timeout': { type: 'string', metavar: 'DURATION', what: 'How long an endpoint may take to begin its answer; an ingress has its own by annotation (default 60s)' },
  'ingress-connect-timeout': { type: 'string', metavar: 'DURATION', what: 'How long a connection to an endpoint may take (default 2s)' },
  'ingress-body-timeout': { type: 'string', metavar: 'DURATION', what: 'How long a body may stand still, in either direction (default 60s)' },
  'ingress-head-timeout': { type: 'string', metavar: 'DURATION', what: 'How long a client may take for the head of a request, and for a TLS handshake (default 10s)' },
  'ingress-idle-timeout': { type: 'string', metavar: 'DURATION', what: 'How long a connection of a client is kept without a request: longer than a balancer in front keeps it (default 72s)' },
  'ingress-head-limit': { type: 'string', metavar: 'OCTETS', what: 'The largest head of a request (1024 to 1048576, default 16384)' },
  'ingress-connections': { type: 'string', metavar: 'NUMBER', what: 'Connections of clients at once, of each worker: at the limit whoever has most gives one up (default 10000)' },
  'ingress-grace': { type: 'string', metavar: 'DURATION', what: 'How long requests and WebSockets may go on when this process, or a worker, is to end (default 10s)' }
}
