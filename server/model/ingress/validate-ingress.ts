// Every rule of an Ingress, in the order and with the words of Kubernetes (pkg/apis/networking/validation), and ours behind them: what
// nobody here would act on is refused.
import { type Cause, forbidden, invalidValue, notSupported, required } from '../service/causes.ts'
import { broken, dns1035Label, dns1123Subdomain, portName, portNumber, type Rule } from '../service/grammar.ts'
import { ipFamilyOf } from '../service/facts.ts'
import { metadataFaults } from '../service/metadata.ts'
import type { Ingress, IngressPath, IngressSpec } from '../service/types.ts'
import { ingressAnnotationFaults } from './annotations.ts'
import type { LooseBackend } from './ingress.ts'

/** The older way to name a class. */
export const classAnnotation = 'kubernetes.io/ingress.class'

const pathTypes = ['Exact', 'Prefix', 'ImplementationSpecific'] as const
const badSequences = ['//', '/./', '/../', '%2f', '%2F']
const badEndings = ['/..', '/.']

/** Each rule and path is looked at when the table of routes is made. */
export const maxRules = 1_000
export const maxPaths = 1_000
export const maxTls = 1_000

/** All causes against an ingress. */
export function ingressFaults (ingress: Ingress, old?: Ingress): readonly Cause[] {
  const { metadata, spec } = ingress
  return [
    ...metadataFaults(metadata, dns1123Subdomain, old?.metadata),
    ...specFaults(spec),
    ...(old === undefined ? classFaults(ingress) : []),
    ...limitFaults(spec),
    ...ingressAnnotationFaults(metadata.annotations)
  ]
}

/** Of a new one only: one that is there may have got them one by one. */
function classFaults ({ metadata: { annotations }, spec: { ingressClassName } }: Ingress): Cause[] {
  const said = annotations?.[classAnnotation]
  if (said === undefined || ingressClassName === undefined || said === ingressClassName) return []
  return [invalidValue(`annotations.${classAnnotation}`, said, 'must match `ingressClassName` when both are specified')]
}

function specFaults (spec: IngressSpec): Cause[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec
  const causes: Cause[] = []
  if (rules.length === 0 && defaultBackend === undefined) causes.push(invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified'))
  if (defaultBackend !== undefined) causes.push(...backendFaults(defaultBackend, 'spec.defaultBackend'))
  for (const [index, { host, http }] of rules.entries()) {
    const field = `spec.rules[${index}]`
    if (host !== undefined) {
      if (ipFamilyOf(host) !== undefined) causes.push(invalidValue(`${field}.host`, host, 'must be a DNS name, not an IP address'))
      causes.push(...hostFaults(`${field}.host`, host))
    }
    if (http === undefined) continue
    if (http.paths.length === 0) causes.push(required(`${field}.http.paths`))
    for (const [at, path] of http.paths.entries()) causes.push(...pathFaults(path, `${field}.http.paths[${at}]`))
  }
  for (const [index, { hosts = [], secretName }] of tls.entries()) {
    for (const [at, host] of hosts.entries()) causes.push(...hostFaults(`spec.tls[${index}].hosts[${at}]`, host))
    if (secretName !== undefined) causes.push(...broken(`spec.tls[${index}].secretName`, secretName, dns1123Subdomain))
  }
  if (ingressClassName !== undefined) causes.push(...broken('spec.ingressClassName', ingressClassName, dns1123Subdomain))
  return causes
}

const wildcard = '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const wildcardText = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' " +
  `and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '${wildcard}')`
const wildcardDomain: Rule = (value) => {
  if (value.length > 253) return ['must be no more than 253 characters']
  return value.startsWith('*.') && dns1123Subdomain(value.slice(2)).length === 0 ? [] : [wildcardText]
}

function hostFaults (field: string, host: string): Cause[] {
  return broken(field, host, host.includes('*') ? wildcardDomain : dns1123Subdomain)
}

function pathFaults ({ path = '', pathType, backend }: IngressPath, field: string): Cause[] {
  const causes: Cause[] = []
  const wrong = (rule: string): void => void causes.push(invalidValue(`${field}.path`, path, rule))
  switch (pathType as string) {
    case '': return [required(`${field}.pathType`, 'pathType must be specified')]
    case 'Exact': case 'Prefix':
      if (!path.startsWith('/')) wrong('must be an absolute path')
      for (const sequence of badSequences) if (path.includes(sequence)) wrong(`must not contain '${sequence}'`)
      for (const ending of badEndings) if (path.endsWith(ending)) wrong(`cannot end with '${ending}'`)
      break
    case 'ImplementationSpecific':
      if (path !== '' && !path.startsWith('/')) wrong('must be an absolute path')
      break
    default: causes.push(notSupported(`${field}.pathType`, pathType, pathTypes))
  }
  return [...causes, ...backendFaults(backend, `${field}.backend`)]
}

function backendFaults (backend: LooseBackend, field: string): Cause[] {
  const { service, resource } = backend
  if (resource !== undefined && service !== undefined) return [invalidValue(field, '', 'cannot set both resource and service backends')]
  if (resource !== undefined) return [forbidden(`${field}.resource`, 'a backend is a service here: resources are served by nobody')]
  if (service === undefined) return [invalidValue(field, '', 'resource or service backend is required')]
  const { name = '', port: { name: portSaid, number } = {} } = service
  const causes = name === '' ? [required(`${field}.service.name`)] : broken(`${field}.service.name`, name, dns1035Label)
  if (portSaid !== undefined && number !== undefined) return [...causes, invalidValue(field, '', 'cannot set both port name & port number')]
  if (portSaid !== undefined) return [...causes, ...broken(`${field}.service.port.name`, portSaid, portName)]
  if (number !== undefined) return [...causes, ...broken(`${field}.service.port.number`, number, portNumber)]
  return [...causes, required(field, 'port name or number is required')]
}

function limitFaults ({ rules = [], tls = [] }: IngressSpec): Cause[] {
  const causes: Cause[] = []
  const paths = rules.reduce((sum, { http }) => sum + (http?.paths.length ?? 0), 0)
  if (rules.length > maxRules) causes.push(invalidValue('spec.rules', rules.length, `must be at most ${maxRules}`))
  if (paths > maxPaths) causes.push(invalidValue('spec.rules', paths, `must have at most ${maxPaths} paths in all`))
  if (tls.length > maxTls) causes.push(invalidValue('spec.tls', tls.length, `must be at most ${maxTls}`))
  return causes
}
