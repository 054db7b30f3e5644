// Eureka's XML: the elements of its JSON, in the order in which Java's client has them. Prometheus and curl get it, since they ask for
// nothing else.
import type { ActionType } from './action.ts'
import type { EurekaPort } from './instance-info.ts'
import type { ShownInfo } from './mapping.ts'

const special: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;', "'": '&apos;' }
/** XML 1.0, 2.2: what is no character of a document, not even written as a number. */
const impossible = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

/** A text between tags, or in an attribute. A carriage return would be read as a line feed. */
export function xmlEscaped (text: string): string {
  if (!/[<>&"'\r]|[^\n -~]/.test(text)) return text
  return text.replaceAll(impossible, '\ufffd').replaceAll(/[<>&"']/g, (character) => special[character] ?? character).replaceAll('\r', '&#13;')
}

/** What may be the name of an element. */
const nameOfElement = /^[A-Za-z_][\w.-]*$/

const element = (name: string, text: string): string => `<${name}>${xmlEscaped(text)}</${name}>`
const portText = (name: string, { number, isEnabled }: EurekaPort): string => `<${name} enabled="${isEnabled}">${number}</${name}>`
/** A key that can be no element is left out: clients that need it ask for JSON. */
const mapText = (map: Readonly<Record<string, string>>): string => {
  const shown = Object.entries(map).filter(([key]) => nameOfElement.test(key) && !/^xml/i.test(key)).map(([key, value]) => element(key, value))
  return shown.length === 0 ? '<metadata class="java.util.Collections$EmptyMap"/>' : `<metadata>${shown.join('')}</metadata>`
}

export function xmlInstance (info: ShownInfo, action: ActionType): string {
  const { dataCenterInfo, texts } = info
  const optional = Object.entries(texts).map(([name, text]) => element(name, text)).join('')
  return `<instance>${element('instanceId', info.instanceId)}${element('hostName', info.hostName)}${element('app', info.app)}` +
    `${element('ipAddr', info.ipAddr)}<status>${info.status}</status><overriddenstatus>${info.overriddenStatus}</overriddenstatus>` +
    `${portText('port', info.port)}${portText('securePort', info.securePort)}<countryId>${info.countryId}</countryId>` +
    `<dataCenterInfo class="${dataCenterInfo.className}">${element('name', dataCenterInfo.name)}` +
    `${dataCenterInfo.name === 'Amazon' ? mapText(dataCenterInfo.metadata) : ''}</dataCenterInfo>` +
    `<leaseInfo><renewalIntervalInSecs>${info.renewalIntervalInSecs}</renewalIntervalInSecs><durationInSecs>${info.durationInSecs}</durationInSecs>` +
    `<registrationTimestamp>${info.registeredAtMs}</registrationTimestamp><lastRenewalTimestamp>${info.updatedAtMs}</lastRenewalTimestamp>` +
    `<evictionTimestamp>0</evictionTimestamp><serviceUpTimestamp>${info.registeredAtMs}</serviceUpTimestamp></leaseInfo>` +
    `${mapText(info.metadata)}${optional}<isCoordinatingDiscoveryServer>false</isCoordinatingDiscoveryServer>` +
    `<lastUpdatedTimestamp>${info.updatedAtMs}</lastUpdatedTimestamp><lastDirtyTimestamp>${info.lastDirtyTimestamp}</lastDirtyTimestamp>` +
    `<actionType>${action}</actionType></instance>`
}

export const xml = {
  media: 'application/xml',
  instance: xmlInstance,
  whole: (instance: string): string => instance,
  application: (name: string, instances: readonly string[]): string => `<application>${element('name', name)}${instances.join('')}</application>`,
  applications: function * (version: string, hash: string, applications: Iterable<readonly [string, Iterable<string>]>): Generator<string> {
    yield `<applications><versions__delta>${version}</versions__delta><apps__hashcode>${hash}</apps__hashcode>`
    for (const [name, instances] of applications) {
      yield `<application>${element('name', name)}`
      yield * instances
      yield '</application>'
    }
    yield '</applications>'
  }
} as const

/** What both forms can write. */
export interface Form {
  readonly media: string
  readonly instance: (info: ShownInfo, action: ActionType) => string
  readonly whole: (instance: string) => string
  readonly application: (name: string, instances: readonly string[]) => string
  readonly applications: (version: string, hash: string, applications: Iterable<readonly [string, Iterable<string>]>) => Iterable<string>
}
