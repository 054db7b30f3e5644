// Limits of connections, plain and TLS.

/**
 * A connection costs memory and a file descriptor; lookups that need TCP are few and short. A newcomer beyond it is served: the client
 * with most of them gives up the one that is idle for longest, or its oldest.
 */
export const maxConnections = 1_000
/** From the connection to the first whole message (RFC 7766 6.2.3: a few seconds): a client that connects has a question. */
export const firstMessageMs = 3_000
/** Between whole messages. A message that trickles in, and a client that does not read, run into it too. */
export const idleMs = 10_000
/** A query with every option there is stays far below; more would be memory for nothing. */
export const maxQueryBytes = 4_096
/** Of one connection in one turn of the loop, so that a pipelining client does not hold up the others. */
export const maxMessagesPerTurn = 64
/** Questions of one connection that wait for an answer of others. */
export const maxDeferred = 64
/** How often deadlines are checked: a connection may live this much longer. One timer serves all connections. */
export const sweepMs = 500
/** At shutdown: how long answers may take to leave. */
export const closeGraceMs = 2_000
