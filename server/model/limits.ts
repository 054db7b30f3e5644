// Every limit of the model, with the failure that it prevents. Schemas, commands and the documentation take them from here.
// The limits of names, selectors and loads are those of the SDK: client-sdk/src/rules.ts.

/** Labels are indexed: each costs memory on every node. Kubernetes objects rarely carry more than twenty. */
export const maxLabels = 64
/** Metadata is carried in every answer; a pair costs every reader. */
export const maxMetadataPairs = 64
/** All keys and values of an instance's metadata, in UTF-8 octets: a registry is not a document store. */
export const maxMetadataBytes = 16 * 1024
/** Each named port is an SRV record; more would not fit an answer. */
export const maxPorts = 64
/** RFC 6335 5.1: a service name, which is what a port's name is in DNS. */
export const maxPortNameLength = 15
/** RFC 2782: priority and weight are 16 bits. */
export const maxWeight = 65_535
export const defaultWeight = 100
/** Below one second the sweep and the network decide, not the instance. */
export const minTtlMs = 1_000
/** A lease that is longer than a day would list a dead instance for too long. */
export const maxTtlMs = 24 * 60 * 60 * 1_000
/** Three missed heartbeats of five seconds: quick to notice, calm on a slow network. */
export const defaultTtlMs = 15_000
/** Free texts of people (author, reason): a sentence, not a page. */
export const maxTextLength = 256
/** Version strings: a commit hash, a semantic version with build data. */
export const maxVersionLength = 128
/** One call renews many leases; beyond this a client sends a second call, and neither blocks the loop. */
export const maxHeartbeatsPerCall = 10_000
/** Soft walls against a runaway client: each is far above honest use. */
export const maxInstancesPerService = 50_000
export const maxServicesPerNamespace = 10_000
export const maxNamespaces = 1_000
export const maxOverrides = 10_000
/** EndpointSlices and Endpoints that were made by hand: two for each service that a namespace may have. */
export const maxHandMadePerNamespace = 20_000
/** Policies: each is looked at when an identity asks for the first time after a change of any. */
export const maxPolicies = 10_000
/** Tokens in the store. */
export const maxTokens = 10_000
/** Each is looked at when the table of routes is made. */
export const maxIngressesPerNamespace = 5_000
/** Each ingress names one, and who serves looks at all of them. */
export const maxIngressClasses = 1_000
/** Certificates with their keys: every agent that serves ingresses holds those that are named. */
export const maxSecretsPerNamespace = 5_000
/** Each is decided upon every few seconds. */
export const maxAutoscalersPerNamespace = 5_000
