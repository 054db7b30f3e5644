// Why something is answered: an instance by a service, a name by DNS.

/** Why an instance is, or is not, an endpoint of a service. */
export interface ServiceExplanation {
  readonly namespace: string
  readonly service: string
  /** The service is not declared. */
  readonly implicit: boolean
  /** Whether the service has an endpoint of this instance. */
  readonly in: boolean
  /** Whether callers are sent to it. */
  readonly ready: boolean
  /** The rule that decided. */
  readonly rule: string
  readonly message: string
  /** The dialect that the instance registered in, as `eureka`. Absent for the registry's own API. */
  readonly source?: string
  /** Names of service ports that this instance lacks. */
  readonly missingPorts: readonly string[]
  /** Of a service that has it: its addresses and node ports that are in no range of the asked node. Absent if all are. */
  readonly warnings?: readonly string[]
  /** Of a service with a cluster IP that has it: what DNS answers for its name to the caller, and why. Absent where the node answers no DNS. */
  readonly dns?: { readonly answer: 'cluster-ip' | 'endpoints', readonly reason: string }
}

/** A DNS record as a zone file shows it. */
export interface DnsRecord {
  readonly name: string
  /** Seconds. */
  readonly ttl: number
  /** `A`, `SRV`, or `TYPE65280` where it has no name. */
  readonly type: string
  readonly data: string
}

/** A rule that had a part in an answer. */
export interface DnsTraceStep {
  readonly rule: string
  readonly message: string
}

/** What DNS answers to a question, and why. */
export interface DnsAnswer {
  readonly question: { readonly name: string, readonly type: string }
  /** `NOERROR`, `NXDOMAIN`, ... */
  readonly rcode: string
  /** `aa` (authoritative), `tc` (truncated), `ra` (recursion available), ... */
  readonly flags: readonly string[]
  readonly answer: readonly DnsRecord[]
  readonly authority: readonly DnsRecord[]
  readonly additional: readonly DnsRecord[]
  /** Why there is no answer, or why it is not fresh (RFC 8914). */
  readonly extendedError?: { readonly code: number, readonly text: string }
  /** Length of the message. */
  readonly octets: number
  readonly trace: readonly DnsTraceStep[]
  readonly revision: string
}
