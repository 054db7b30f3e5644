// The keys of lasting objects, by kind: what stands under a prefix is written and read by one part of the core. Manifests have
// prefixes of their own, one for each kind (services/manifests.ts).

/** An operator's word on an instance: `override/NAMESPACE/SERVICE/ID` (overrides.ts). Stores know it: such an object touches its instance. */
export { overridePrefix } from '../store/store.ts'
/** A value that a service has: `claim/KIND/VALUE` (allocation/claims.ts). */
export const claimPrefix = 'claim/'
/** Values that only nodes see: not in lists, not among events. */
export const secretPrefix = 'secret/'
/** Of Secrets of certificates, which are manifests: `tlssecret/NAMESPACE/NAME`. */
export const certificatePrefix = 'tlssecret/'
/** Of the tokens among them: `secret/token/ID`. */
export const tokenPrefix = 'secret/token/'
/** What a node says of its flags, for the other nodes: `node/LIFE` (allocation/node-ranges.ts). Not in lists, not among events. */
export const nodePrefix = 'node/'

/** What the registry told of what was declared, for an hour: `notice/KIND/NAMESPACE/NAME/REASON` (notices.ts). It is among events only. */
export const noticePrefix = 'notice/'

export function isNoticeKey (key: string): boolean {
  return key.startsWith(noticePrefix)
}

export function isNodeKey (key: string): boolean {
  return key.startsWith(nodePrefix)
}

export function isSecretKey (key: string): boolean {
  return key.startsWith(secretPrefix)
}
