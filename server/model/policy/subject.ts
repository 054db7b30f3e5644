// Whom a policy is about. An identity is `KIND:NAME`; a client that has shown nothing is `anonymous`. Who shows a token of an issuer (JWT) is in
// the groups, too, that the issuer names.
import { isPattern, matches } from './pattern.ts'

export const anonymousSubject = 'anonymous'
export const identityKinds = ['token', 'jwt', 'certificate'] as const
export type IdentityKind = (typeof identityKinds)[number]
const groupKind = 'jwt-group'
/** What stands before the colon of a subject. */
const subjectKinds = [...identityKinds, groupKind] as const

/** As long as a URI in a certificate may be, and short enough for a line of the log. */
export const maxIdentityName = 253
// Visible ASCII without what JSON escapes: the owner of an instance is found at the end of its stored text.
const name = /^[!#-[\]-~]{1,253}$/

export const subjectRule = `must be anonymous, or ${subjectKinds.map((kind) => `${kind}:NAME`).join(', ')}, in which "*" stands for any characters`

/** Whether a name can be one of an identity. */
export function isIdentityName (text: string): boolean {
  return name.test(text) && !isPattern(text)
}

export function isSubject (text: string): boolean {
  if (text === anonymousSubject) return true
  const at = text.indexOf(':')
  return subjectKinds.some((kind) => kind === text.slice(0, at)) && name.test(text.slice(at + 1))
}

/** A group as policies name it. */
export function groupSubject (name: string): string {
  return `${groupKind}:${name}`
}

/** Whether a subject of a policy stands for an identity, or for `anonymous`. */
export function isAbout (subject: string, identity: string): boolean {
  return subject === identity || (identity !== anonymousSubject && subject !== anonymousSubject && matches(subject, identity))
}
