// Rows of question and expected answer, asked over UDP and over TCP.
import type { DnsServer } from '../../server/dns/server.ts'
import { TcpClient, UdpClient, text } from '../support/dns-client.ts'

export interface Row {
  readonly says: string
  readonly ask: readonly [name: string, type: string]
  readonly rcode?: 'NOERROR' | 'NXDOMAIN' | 'REFUSED'
  /** Aliases in the order of the answer, which begins with them; then the others in the order of their text. */
  readonly answer?: readonly string[]
  readonly authority?: 'soa' | 'none'
  readonly additional?: readonly string[]
}

export const nodata = { rcode: 'NOERROR', authority: 'soa' } as const
export const nxdomain = { rcode: 'NXDOMAIN', authority: 'soa' } as const

export const sorted = (records: readonly string[]): string[] => [...records].sort()

type Test = ConstructorParameters<typeof UdpClient>[0] & { strictSame (found: unknown, wanted: unknown, message: string): unknown }

/** @param soa what the authority section of a negative answer has */
export async function checkRows (t: Test, server: DnsServer, rows: readonly Row[], soa: string): Promise<void> {
  const udp = new UdpClient(t, server)
  const tcp = await TcpClient.open(t, server)
  for (const { says, ask, rcode = 'NOERROR', answer = [], authority = 'none', additional = [] } of rows) {
    for (const client of [udp, tcp]) {
      const message = await client.query(...ask)
      const aliases = message.answers.findIndex(({ type }) => type !== 'CNAME')
      const first = aliases < 0 ? message.answers.length : aliases
      t.strictSame({
        rcode: message.rcode, aa: message.flag_aa, ra: message.flag_ra, tc: message.flag_tc, rd: message.flag_rd,
        answer: [...text(message.answers.slice(0, first)), ...sorted(text(message.answers.slice(first)))],
        authority: text(message.authorities), additional: sorted(text(message.additionals))
      }, {
        rcode, aa: rcode !== 'REFUSED', ra: false, tc: false, rd: true, answer, authority: authority === 'soa' ? [soa] : [], additional
      }, `${says} (${client === udp ? 'UDP' : 'TCP'}: ${ask.join(' ')})`)
    }
  }
}
