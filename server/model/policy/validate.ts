// Every rule of a Policy: whom it names, what it permits, and where. What names nobody or nothing is refused: it would be believed to be in
// force.
import { type Cause, duplicate, forbidden, invalidValue, notSupported, required, tooMany } from '../service/causes.ts'
import { metadataFaults } from '../service/metadata.ts'
import { dns1123Label } from '../service/grammar.ts'
import { type Policy, type PolicyRule, type Verb, roles, verbs } from '../service/types.ts'
import { parseCidr } from '../address/ranges.ts'
import { isNamePattern, namePatternRule } from './pattern.ts'
import { globalVerbs } from './roles.ts'
import { isSubject, subjectRule } from './subject.ts'

/** Each rule is looked at for the first question of an identity about a service. */
export const maxRules = 64
export const maxSubjects = 256
export const maxNames = 256

/** All causes against a policy. */
export function policyFaults (policy: Policy, old?: Policy): readonly Cause[] {
  const { metadata, spec } = policy
  return [
    ...metadataFaults(metadata, dns1123Label, old?.metadata),
    ...(metadata.namespace === '' ? [] : [forbidden('metadata.namespace', 'not allowed on this type')]),
    ...listed('spec.subjects', spec.subjects, maxSubjects, (text) => (isSubject(text) ? undefined : subjectRule)),
    ...rulesFaults('spec.rules', spec.rules)
  ]
}

/** Of a list of rules, wherever it stands. */
export function rulesFaults (field: string, rules: readonly PolicyRule[]): readonly Cause[] {
  if (rules.length === 0) return [required(field, 'must have at least one rule: without one it permits nothing')]
  if (rules.length > maxRules) return [tooMany(field, rules.length, maxRules)]
  return rules.flatMap((rule, index) => ruleFaults(`${field}[${index}]`, rule))
}

function ruleFaults (field: string, { role, verbs: said, namespaces, services, addresses }: PolicyRule): readonly Cause[] {
  const faults: Cause[] = []
  if (role === undefined && said === undefined) faults.push(required(`${field}.verbs`, 'verbs or a role is required'))
  if (role !== undefined && said !== undefined) faults.push(forbidden(`${field}.verbs`, 'must not be given beside a role, which says them'))
  if (role !== undefined && !(roles as readonly string[]).includes(role)) faults.push(notSupported(`${field}.role`, role, roles))
  if (said !== undefined) {
    faults.push(...listed(`${field}.verbs`, said, verbs.length, () => undefined))
    for (const [at, verb] of said.entries()) if (!(verbs as readonly string[]).includes(verb)) faults.push(notSupported(`${field}.verbs[${at}]`, verb, verbs))
  }
  const isGlobal = role === 'admin' || (said !== undefined && said.every((verb) => globalVerbs.has(verb)))
  if (isGlobal) {
    const rest = { namespaces, services, addresses }
    for (const [name, value] of Object.entries(rest)) if (value !== undefined) faults.push(forbidden(`${field}.${name}`, 'must not be given: this is permitted for the whole registry'))
    return faults
  }
  if (namespaces === undefined) faults.push(required(`${field}.namespaces`, 'is required: names or patterns of namespaces, or "*"'))
  else faults.push(...names(`${field}.namespaces`, namespaces))
  if (services !== undefined) faults.push(...names(`${field}.services`, services))
  if (addresses !== undefined) {
    const writes: readonly Verb[] = role === undefined ? said ?? [] : role === 'agent' || role === 'proxy' ? ['register'] : []
    if (!writes.includes('register') && !writes.includes('declare')) faults.push(forbidden(`${field}.addresses`, 'means nothing here: it limits what is registered or declared'))
    faults.push(...listed(`${field}.addresses`, addresses, maxNames, (text) => {
      const network = parseCidr(text)
      return 'problem' in network ? network.problem : undefined
    }))
  }
  return faults
}

function names (field: string, texts: readonly string[]): readonly Cause[] {
  return listed(field, texts, maxNames, (text) => (isNamePattern(text) ? undefined : namePatternRule))
}

function listed (field: string, texts: readonly string[], most: number, ruleOf: (text: string) => string | undefined): readonly Cause[] {
  if (texts.length === 0) return [required(field, 'must not be empty: it would stand for nothing')]
  if (texts.length > most) return [tooMany(field, texts.length, most)]
  const faults: Cause[] = []
  const seen = new Set<string>()
  for (const [index, text] of texts.entries()) {
    const rule = ruleOf(text)
    if (rule !== undefined) faults.push(invalidValue(`${field}[${index}]`, text, rule))
    else if (seen.has(text)) faults.push(duplicate(`${field}[${index}]`, text))
    seen.add(text)
  }
  return faults
}
