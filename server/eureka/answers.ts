// How Eureka answers: JSON for who asks for it, XML for everybody else; nothing in the body of an error, since strict clients read every body
// as what they asked for. Only a refused registration says why, as text.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { type RegistryError, shown } from '../errors.ts'
import { type Form, xml } from './form/xml-text.ts'
import { json } from './form/json-text.ts'

/** Below it compression costs more than it saves. */
const gzipThreshold = 1_024

/** The form that a request asks for: JSON if its Accept says so, else XML, as when it says nothing. */
export function formOf ({ headers: { accept } }: Pick<FastifyRequest, 'headers'>): Form {
  return accept?.toLowerCase().includes('json') === true ? json : xml
}

/** Whether the client takes gzip (RFC 9110, 12.5.3; a quality of 0 is a no). */
export function takesGzip ({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const accepted = headers['accept-encoding']
  if (typeof accepted !== 'string') return false
  return accepted.split(',').some((each) => /^\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q\s*=\s*(?:0?\.\d*[1-9]|1(?:\.0*)?)\s*)?$/i.test(each))
}

/** Whether a text of so many characters is sent compressed. */
export function isWorthGzip (length: number): boolean {
  return length >= gzipThreshold
}

export function sendForm (reply: FastifyReply, form: Form, text: string): FastifyReply {
  return reply.type(form.media).send(text)
}

/** What our errors are there. */
function statusOf ({ code, status }: RegistryError): number {
  switch (code) {
    case 'REG_GENERATION_SUPERSEDED': return 404 // it must register again
    case 'REG_LIMIT_REACHED': case 'REG_CONFLICT': case 'REG_OUTCOME_UNKNOWN': case 'REG_STORE_FULL': return 503 // 409 is for other servers of Eureka
    default: return status
  }
}

/** Our fields by their names there. */
const fields: readonly (readonly [RegExp, string])[] = [
  [/^address$/, 'ipAddr'], [/^ports\b.*/, 'port'], [/^id$/, 'instanceId'], [/^service$/, 'app'], [/^lease\.ttlMs$/, 'leaseInfo.durationInSecs'], [/^body$/, 'instance']
]

/** The reason as a text, in Eureka's names. */
export function reasonOf ({ errors, message }: RegistryError): string {
  if (errors === undefined || errors.length === 0) return message
  return errors.map(({ field, value, rule }: FieldError) => {
    const name = fields.reduce((text, [ours, theirs]) => text.replace(ours, theirs), field)
    return `${name} ${rule}${value === undefined ? '' : `, got ${shown(value)}`}`
  }).join('; ')
}

/** @param says the reason goes into the body: of a registration that breaks a rule */
export function sendError (reply: FastifyReply, fault: RegistryError, says: boolean): FastifyReply {
  const status = statusOf(fault)
  if (fault.retryAfterSeconds !== undefined) void reply.header('retry-after', fault.retryAfterSeconds)
  if (status === 401) void reply.header('www-authenticate', 'Basic realm="Eureka", charset="UTF-8"')
  void reply.code(status)
  return says && status === 400 ? reply.type('text/plain; charset=utf-8').send(`${reasonOf(fault)}\n`) : reply.send()
}
