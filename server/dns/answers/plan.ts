// What a name and a type come to: records, an alias, or one of four endings without records. The difference between the first two
// endings is what musl and .NET fail whole lookups on:
//   no-such-name     NXDOMAIN, and so nothing below the name either (RFC 8020)
//   no-such-records  the name, or something below it, exists: NOERROR without answers (NODATA)
//   not-ready        the registry has not been loaded yet: ask again
//   refused          not our zone
import type { Records } from '../wire/record-set.ts'
import type { Alias } from './alias.ts'

export type Ending = 'no-such-name' | 'no-such-records' | 'not-ready' | 'refused'

/** Of an alias the question goes on at its target, unless the alias itself was asked for. */
export type Plan = Records | Alias | Ending
