// One message at work: what was asked, by whom, and where the answer goes. One object for all, as one is answered after the other; who
// has to wait for others begins a turn of its own when they have answered.
import type { CookieState } from './protect/cookies.ts'
import type { Client } from './protect/client.ts'
import type { View } from './protect/views.ts'
import { MessageWriter } from './wire/message-writer.ts'
import { QueryReader } from './wire/query-reader.ts'
import type { Zone } from './names/zone.ts'

export class Turn {
  readonly query = new QueryReader()
  client: Client = { transport: 'udp', address: '' }
  /** The answer, open for this query. */
  writer = new MessageWriter(0)
  /** What the cookie of the query is worth. */
  cookie: CookieState = 'none'
  /** Others are asked for this client. It may still not want that (RD). */
  mayForward = false
  /** In lower case; undefined = not known. */
  clientZone: string | undefined
  /** What the client may look up; undefined = everything. */
  view: View | undefined
  /** Cluster IPs are of use to it. */
  clusterIps = true
  /** Of whose name there was nothing, or something. */
  zone: Zone | undefined
}
