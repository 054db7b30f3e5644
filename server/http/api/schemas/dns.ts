// What DNS answers, and why.
import { Type } from 'typebox'
import { Count, named } from './named.ts'

const DnsRecords = Type.Array(Type.Object({ name: Type.String(), ttl: Count, type: Type.String(), data: Type.String() }))
export const DnsAnswer = named('DnsAnswer', Type.Object({
  question: Type.Object({ name: Type.String(), type: Type.String() }),
  rcode: Type.String(),
  flags: Type.Array(Type.String()),
  answer: DnsRecords,
  authority: DnsRecords,
  additional: DnsRecords,
  extendedError: Type.Optional(Type.Object({ code: Count, text: Type.String() })),
  octets: Count,
  trace: Type.Array(Type.Object({ rule: Type.String(), message: Type.String() })),
  revision: Type.String()
}))
