// What transfers and notifications count, in plain numbers; whoever shows them reads them.

export class TransferCounters {
  /** Under way. */
  running = 0
  /** Whole zones that were sent, also in answer to IXFR. */
  full = 0
  /** Differences that were sent. */
  differences = 0
  /** IXFR queries of clients that had the newest version. */
  upToDate = 0
  /** Queries that were answered with an error, for whatever reason. */
  refused = 0
  /** Records that were sent. */
  records = 0
  /** Sets of the zone that was sent last that had more records than a set may have, and so are not whole. */
  cutSets = 0
  /** NOTIFY messages that were sent, repeated ones too. */
  notified = 0
  /** NOTIFY messages that were taken. */
  acknowledged = 0
  /** NOTIFY that was refused, or that nobody answered however often it was repeated. */
  unacknowledged = 0
}
