// /eureka/status and /eureka/serverinfo/statusoverrides, in the form of Netflix' StatusInfo: maps whose keys are words for people.
import type { ListedOverride } from '../../client-sdk/src/wire.ts'
import { json } from './form/json-text.ts'
import { eurekaStatusOf } from './form/mapping.ts'
import { appOf, instanceIdOf } from './form/names.ts'
import { type Form, xmlEscaped } from './form/xml-text.ts'
import type { State } from './node-state.ts'

export function statusText (form: Form, state: State): string {
  const general = {
    environment: state.namespace,
    'num-of-cpus': String(state.cpus),
    'total-avail-memory': `${state.memory.total}mb`,
    'current-memory-usage': `${state.memory.used}mb`,
    'server-uptime': uptimeText(state.upMs)
  }
  const application = {
    'registered-replicas': state.otherNodes.join(','),
    'available-replicas': state.otherNodes.join(','),
    'unavailable-replicas': '',
    'is-self-preservation-on': String(state.preservation.length > 0),
    'self-preservation-reason': state.preservation.join('; '),
    instances: String(state.instances),
    'suspect-instances': String(state.suspect),
    'renewals-last-minute': String(state.renewals),
    'renewals-expected-per-minute': String(state.expected)
  }
  if (form === json) return JSON.stringify({ statusInfo: { generalStats: general, applicationStats: application } })
  return `<com.netflix.eureka.util.StatusInfo><generalStats>${elements(general)}</generalStats>` +
    `<applicationStats>${elements(application)}</applicationStats></com.netflix.eureka.util.StatusInfo>`
}

/** Which instances have a word of an operator, and which one. */
export function overridesText (form: Form, overrides: readonly ListedOverride[]): string {
  const pairs = overrides.flatMap(({ service, id, override: { status } }) =>
    (status === undefined ? [] : [[`${appOf(service)}/${instanceIdOf(id)}`, eurekaStatusOf(status)] as const]))
  if (form === json) return JSON.stringify(Object.fromEntries(pairs))
  return `<map>${pairs.map(([name, status]) => `<entry><string>${xmlEscaped(name)}</string><status>${status}</status></entry>`).join('')}</map>`
}

/** `1 days 02:03`, as Eureka writes it. */
export function uptimeText (ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  const two = (number: number): string => String(number).padStart(2, '0')
  const days = Math.floor(minutes / 1_440)
  return `${days === 0 ? '' : `${days} days `}${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`
}

function elements (map: Readonly<Record<string, string>>): string {
  return Object.entries(map).map(([name, text]) => `<${name}>${xmlEscaped(text)}</${name}>`).join('')
}
