// What a Netflix Eureka has, by its own list in JSON.
import { readInstanceInfo } from '../eureka/form/instance-info.ts'
import { registrationOf } from '../eureka/form/mapping.ts'
import { appRule, serviceOf } from '../eureka/form/names.ts'
import type { Imported, Source, SourceList } from './import-run.ts'

/** Of the whole list: some 100,000 instances. */
const maxOctets = 128 * 1024 ** 2
const timeoutMs = 30_000

type Fields = Readonly<Record<string, unknown>>

/** @param url as clients have it: `http://user:password@host:8761/eureka` */
export function eurekaSource (url: URL, fetchOf: typeof fetch): Source {
  const { username, password } = url
  const place = new URL(url)
  place.username = place.password = ''
  const base = place.href.replace(/\/+(?:apps\/*)?$/, '')
  const headers: Record<string, string> = { accept: 'application/json' }
  if (username !== '') headers['authorization'] = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
  return {
    read: async (signal) => {
      const response = await fetchOf(`${base}/apps/`, { headers, redirect: 'follow', signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
      if (!response.ok) throw new Error(`${base}/apps/ answered ${response.status}`)
      const text = await response.text()
      if (text.length > maxOctets) throw new Error(`${base}/apps/ answered more than ${maxOctets} octets`)
      let body: unknown
      try {
        body = JSON.parse(text)
      } catch {
        throw new Error(`${base}/apps/ answered no JSON: is it a Eureka server?`)
      }
      return listOf(body, base)
    }
  }
}

function listOf (body: unknown, base: string): SourceList {
  const applications = isFields(body) ? body['applications'] : undefined
  if (!isFields(applications)) throw new Error(`${base}/apps/ answered no applications: is it a Eureka server?`)
  const instances: Imported[] = []
  const refused: string[] = []
  for (const application of several(applications['application'])) {
    if (!isFields(application)) continue
    const app = String(application['name'])
    for (const instance of several(application['instance'])) {
      try {
        instances.push(importedOf(app, instance))
      } catch (error) {
        refused.push(`${app}/${isFields(instance) ? String(instance['instanceId'] ?? instance['hostName']) : '?'}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  return { instances, refused }
}

function importedOf (app: string, instance: unknown): Imported {
  const service = serviceOf(app)
  if (service === undefined) throw new Error(`the name of the application ${appRule}`)
  const { id, registration } = registrationOf(readInstanceInfo({ instance }, app).info, service)
  return { service, id, registration }
}

/** Old servers write one thing as itself, several as a list. */
function several (value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
}

function isFields (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
