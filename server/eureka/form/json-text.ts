// Eureka's JSON, exactly as its clients read it: names, order, and types that no other API has (`{"$": 80, "@enabled": "true"}`, times as
// texts, the class of an empty map). Strict mappers refuse every field that is not one of these: none is added.
import type { ShownInfo } from './mapping.ts'
import type { ActionType } from './action.ts'
import type { EurekaPort } from './instance-info.ts'

const emptyMap = '{"@class":"java.util.Collections$EmptyMap"}'

const flag = (value: boolean): string => (value ? '"true"' : '"false"')
const portText = ({ number, isEnabled }: EurekaPort): string => `{"$":${number},"@enabled":${flag(isEnabled)}}`
const mapText = (map: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(map)
  // A map with a key "@class" would be taken for a class.
  const shown = pairs.filter(([key]) => key !== '@class').map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return shown.length === 0 ? emptyMap : `{${shown.join(',')}}`
}

/** `{...}` of one instance. */
export function jsonInstance (info: ShownInfo, action: ActionType): string {
  const { dataCenterInfo, texts } = info
  const optional = Object.entries(texts).map(([name, text]) => `"${name}":${JSON.stringify(text)},`).join('')
  const machine = dataCenterInfo.name === 'Amazon' ? `,"metadata":${mapText(dataCenterInfo.metadata)}` : ''
  return `{"instanceId":${JSON.stringify(info.instanceId)},"hostName":${JSON.stringify(info.hostName)},"app":"${info.app}",` +
    `"ipAddr":"${info.ipAddr}","status":"${info.status}","overriddenStatus":"${info.overriddenStatus}",` +
    `"port":${portText(info.port)},"securePort":${portText(info.securePort)},"countryId":${info.countryId},` +
    `"dataCenterInfo":{"@class":"${dataCenterInfo.className}","name":${JSON.stringify(dataCenterInfo.name)}${machine}},` +
    `"leaseInfo":{"renewalIntervalInSecs":${info.renewalIntervalInSecs},"durationInSecs":${info.durationInSecs},` +
    `"registrationTimestamp":${info.registeredAtMs},"lastRenewalTimestamp":${info.updatedAtMs},"evictionTimestamp":0,` +
    `"serviceUpTimestamp":${info.registeredAtMs}},"metadata":${mapText(info.metadata)},${optional}` +
    `"isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"${info.updatedAtMs}","lastDirtyTimestamp":"${info.lastDirtyTimestamp}",` +
    `"actionType":"${action}"}`
}

export const json = {
  media: 'application/json',
  instance: jsonInstance,
  /** The answer to a question for one instance. */
  whole: (instance: string): string => `{"instance":${instance}}`,
  /** For one application. */
  application: (name: string, instances: readonly string[]): string => `{"application":${jsonApplication(name, instances)}}`,
  /** For several: the pieces of the text. An application without instances would break clients, and is none. */
  applications: function * (version: string, hash: string, applications: Iterable<readonly [string, Iterable<string>]>): Generator<string> {
    yield `{"applications":{"versions__delta":"${version}","apps__hashcode":"${hash}","application":[`
    let isFirst = true
    for (const [name, instances] of applications) {
      let text = `${isFirst ? '' : ','}{"name":"${name}","instance":[`
      isFirst = false
      for (const instance of instances) {
        yield text + instance
        text = ','
      }
      yield ']}'
    }
    yield ']}}'
  }
} as const

function jsonApplication (name: string, instances: readonly string[]): string {
  return `{"name":"${name}","instance":[${instances.join(',')}]}`
}
