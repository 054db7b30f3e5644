// Every limit of the HTTP server, with the failure that it prevents.
import { manifestLimits } from '../../model/manifest/manifest-limits.ts'

/** A body. 10,000 heartbeats of short names fit; a registration is refused long before by its own limits. */
export const maxBodyBytes = 1024 * 1024
/** A batch of heartbeats: 10,000 leases (model/limits.ts) of up to 450 octets each. */
export const maxHeartbeatBytes = 5 * 1024 * 1024
/** A stream of manifests: what the reader of streams takes (model/manifest-stream.ts). */
export const maxManifestBytes = manifestLimits.maxBytes
/** Names of one deletion: one write holds them all. */
export const maxDeletedNames = manifestLimits.maxDocuments
/** Warnings of one write, and characters of each, in headers: a header of 16 KiB is refused by many. The answer to an apply has them all. */
export const maxWarnings = 10
export const maxWarningLength = 256
/** Nesting of a body. `JSON.parse` takes 100,000 levels; what walks the result afterwards would not. */
export const maxJsonDepth = 64
/**
 * Fields, items, lists and maps of a body for which its schema has no place. Some are a mistake, and told by name; more
 * are no body of ours.
 */
export const maxStrangeEntries = 1_000
/** The same of a manifest in JSON, before the reader of manifests counts its tokens: no fewer than those. */
export const maxManifestEntries = manifestLimits.maxTokens
/** Path and query. The longest honest one holds a selector (4,096 characters) and an id (253, three octets each when encoded). */
export const maxUrlLength = 8 * 1024
/** Path parameters are cut by the router beyond this; the model's own limit is the one that a client shall meet. */
export const maxParamLength = maxUrlLength

/** The whole request must be here by then, body included: slow senders hold a socket and memory. The largest needs 20 s at 256 kB/s. */
export const requestTimeoutMs = 30_000
/** The request's header must be here by then. */
export const headersTimeoutMs = 10_000
/** How often Node looks for requests that are too late; its default of 30 s would let them live three times as long. */
export const lateCheckMs = 1_000
/** An idle connection. Longer than the usual 60 s of load balancers, so that they close first and lose no request. */
export const keepAliveTimeoutMs = 72_000
/** A connection on which nothing moves at all, an answer that is not read included. Longer than the longest long poll. */
export const connectionTimeoutMs = 90_000
/** After so many requests a connection is closed, so that load spreads again over the nodes behind a balancer. */
export const maxRequestsPerSocket = 10_000
/**
 * Connections of all kinds: each costs about ten kilobytes and a file descriptor. At this many one goes for each that comes. Ten thousand may
 * wait with a long poll, as clients of Consul do, and others still be served.
 */
export const maxConnections = 12_000
/**
 * Connections before the end of their TLS handshake, of one client and of all. A client that opens them and says nothing costs a file
 * descriptor each; more than the kernel's queue (511) must fit, so that a herd that comes at once does not push itself out.
 */
export const maxHandshakes = { perClient: 1_000, together: 4_000 } as const
/** Requests of one connection of HTTP/2 whose answers have not left: browsers send a hundred at once, and no honest client more. */
export const maxStreamsPerConnection = 128
/** Requests that were sent before the answer to the one before them, over all connections: some 3 kB each. */
export const maxWaitingRequests = 20_000
/**
 * Bytes of bodies that have not arrived whole, over all clients: eight of the largest manifests, or a thousand registrations, at once. A node
 * whose `max-body` is larger has room for one. This and the two below may all be full at once, and a node need not have more than half a GiB.
 */
export const maxBodyBytesTogether = 32 * 1024 * 1024
/** A larger body is read piece by piece, each in its turn. */
export const smallBodyBytes = 64 * 1024
/** The same of heartbeats: three of the largest batches. */
export const maxHeartbeatBytesTogether = 16 * 1024 * 1024
/** Bytes of answers that wait for their clients to read them. */
export const maxUnreadBytesTogether = 32 * 1024 * 1024
/** A smaller answer fits the buffers of the system. */
export const smallAnswerBytes = 16 * 1024
/** Texts of pages that are kept for the next one who asks for the same: those that take long to make, and few of them. */
export const keptTextBytes = 16 * 1024 * 1024
/** Requests begin within so much time of one turn of the event loop; the others wait for the next. A heartbeat or a DNS question waits so long at most. */
export const turnMs = 10
/** Waiting requests that may begin in one turn. */
export const maxTurnStarts = 64
/** What a client has worked counts half after so long. */
export const bookedMs = 1_000
/** Clients whose work is remembered, and what is not worth remembering. */
export const maxKnownClients = 4_096
export const forgottenMs = 1

/** A longer body of a registration or of heartbeats goes to the route: it comes in pieces. */
export const maxQuickBodyBytes = 16 * 1024

/** How long a read waits for `minRevision`: revisions arrive in milliseconds, or something is broken. */
export const minRevisionWaitMs = 5_000
/** The longest long poll: below the idle limits of the proxies in between. */
export const maxWaitMs = 60_000
export const defaultWaitMs = 30_000

/** Items of a page. */
export const maxPageItems = 1_000
export const defaultPageItems = 100
/**
 * Bytes of the items of a page: a thousand usual instances fit. With 16 KiB of metadata each they would be 17 MB, made in one go for each who asks.
 */
export const maxPageBytes = 2 * 1024 * 1024

/** Answers of endpoints that are kept ready for a URL, their bytes together, and the longest URL. */
export const maxKeptAnswers = 10_000
export const keptAnswerBytes = 16 * 1024 * 1024
export const maxKeptUrlLength = 512
/** Endpoints of more bytes are not joined to one body, and so many bytes of them are on their way to a connection at once. */
export const maxJoinedBytes = 256 * 1024
/** Forms of one service's endpoints that are kept ready: a service is asked for in a few ways, not in many. */
export const maxEndpointVariants = 16
/** Below a kilobyte gzip costs more than the network. */
export const gzipThreshold = 1_024

/** Subscriptions of all watchers; the registry has room for some more, for long polls. */
export const maxSubscriptionsTogether = 90_000
/** Subscriptions of one WebSocket. */
export const maxSubscriptionsPerSocket = 100
/** A frame from a client. Its largest honest one is a batch of heartbeats: some 2,000 leases; more go in several frames. */
export const maxFrameBytes = 1024 * 1024
/** A smaller frame is not counted while it arrives. */
export const smallFrameBytes = 4 * 1024
/** Pieces that a client may send a frame in: each costs an object, and a hundred thousand tiny ones a second of work. */
export const maxFrameFragments = 1_024
/** How long a client has to answer a close frame. */
export const closeFrameTimeoutMs = 5_000
/** Frames of a client that wait for their turn; reading is paused meanwhile, so this is what one read may bring. */
export const maxWaitingFrames = 10_000
/** What may wait in a watcher's socket before its subscriptions stop handing out; they are bounded themselves. */
export const highWaterBytes = 256 * 1024
/**
 * Characters of the instances or services in one frame of a snapshot: a larger one comes in parts, each made when the one before has left the
 * socket. One text of everything could be longer than V8 allows, and writing it would hold the loop.
 */
export const snapshotPartLength = 1024 * 1024
/** A cursor that this node has not reached: how long a watch waits for it before it starts anew with `reset`. */
export const catchUpMs = 2_000
/** Watches that wait so at once; beyond it one begins with `reset` at once. */
export const maxCatchUps = 2_000

/** The beat of the watchers' clock; the next ones are counted in it, so that a jump of the wall clock kills nobody. */
export const tickMs = 1_000
/** Quiet time after which a watcher gets a bookmark, or an event stream a comment. */
export const bookmarkTicks = 15
export const pingTicks = 20
/** From a ping that has left to its answer. */
export const pongTicks = 10
/** A ping that does not even leave: the client has stopped reading. */
export const stalledTicks = 60

/** How long a closing node waits for answers and goodbyes on their way before it cuts the connections. */
export const closeGraceMs = 3_000
/** The store may be away so long before the node says that it is not ready: a fail-over is no outage. */
export const storeAwayMs = 5_000
/** Ids, hosts and the like that are remembered; beyond it the memory is dropped and begins anew. */
export const maxRememberedHosts = 1_000

/** Characters of manifests that are read in one go: about 20 ms at the worst. */
export const readAtOnceLength = 16 * 1024
/** Longer streams give the loop back after so long: a heartbeat is late by this much for each other thing that waits. */
export const readSliceMs = 5
/** A longer stream is one of few in work at a time: what is read of it takes many times its length. */
export const longTextLength = 64 * 1024
/** Long streams in work, each of another client. */
export const maxLongTasks = 4
/** Characters of all streams that are read or wait to be. */
export const maxWaitingTextBytes = 32 * 1024 * 1024
