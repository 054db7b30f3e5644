// What is known to be wrong, until it is mended. The list must become empty: the test fails when an entry does not show any more.
import type { Operation } from './operations.ts'
import type { Disagreement } from './comparison.ts'

/** Rules of the model that the registry does not follow yet. All true = the rules that are meant. */
export interface Rules {
  /** One that drains serves: it is answered when nobody is ready, before the suspects (design 2). */
  readonly drainingServes: boolean
  /** After a restart a suspect has its grace, not its TTL. */
  readonly suspectKeepsGrace: boolean
  /** A node asks the store before it says that something is not there; else it is let catch up first. */
  readonly storeDecides: boolean
}

export const meant: Rules = { drainingServes: true, suspectKeepsGrace: true, storeDecides: true }
/** The rules that runs go by. */
export const rules: Rules = { drainingServes: false, suspectKeepsGrace: false, storeDecides: false }

export interface Known {
  readonly title: string
  /** Which section of which issue asks for the mend. */
  readonly issue: string
  /** The shortest list that shows it, on SQLite. */
  readonly shows: readonly Operation[]
  readonly is: (disagreement: Disagreement) => boolean
}

export const known: readonly Known[] = [
  {
    title: 'a revision falls when a node loads', issue: '18.1', shows: [],
    is: ({ about }) => about.startsWith('revision of ') || about.endsWith('with the tag of before it changed') || about.includes('"view":"endpoints"') || about === 'watch of endpoints' || about.includes('a long poll of')
  },
  {
    title: 'an IPv6-only implicit service has an empty Endpoints object', issue: '18.2', shows: [],
    is: ({ door, about, said, meant }) => door === 'slices' && about.startsWith('Endpoints of') && Array.isArray(said) && said.length === 0 && JSON.stringify(meant).includes('fd00')
  },
  {
    title: 'slices key endpoints by address and id', issue: '18.2', shows: [],
    is: ({ door, about }) => door === 'slices' && (about.startsWith('slices of') || about.startsWith('targets of'))
  },
  {
    title: 'the implicit label of a selector is the asked name', issue: '18.2', shows: [],
    is: ({ about }) => about.includes('?selector=rollcall.dev/service')
  },
  {
    title: 'an endpoint is named by the asked name', issue: '18.2', shows: [],
    is: ({ about }) => about.endsWith('-o name')
  },
  {
    title: 'SRV of the bare name weighs an endpoint twice that has one number on TCP and UDP', issue: '18.2', shows: [],
    is: ({ door, about }) => (door === 'dns' && about.endsWith('SRV, its records')) || door === 'transfer'
  },
  {
    title: 'the manifest view of an implicit service cannot be applied', issue: '18.2', shows: [],
    is: ({ door }) => door === 'again'
  }
]

export function isKnown (disagreement: Disagreement): boolean {
  return known.some(({ is }) => is(disagreement))
}
