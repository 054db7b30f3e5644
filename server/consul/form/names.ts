// Names and ids. Consul compares the names of services without regard to case, and so they are folded to the registry's labels; ids may hold
// anything with Consul, and what the registry's ids cannot hold is written as in a URL.
import { createHash } from 'node:crypto'
import { badRequest } from '../consul-error.ts'
import { isId, isLabel, labelRule, subdomainPattern } from '../../model/names.ts'

/** @throws ConsulError 400 for a name that no label can carry */
export function serviceLabelOf (name: string): string {
  const label = foldedName(name)
  if (!isLabel(label)) throw badRequest(`Invalid service name ${JSON.stringify(name.slice(0, 128))}: ${labelRule}`)
  return label
}

const subdomain = new RegExp(subdomainPattern)

/** Whether a node may be called so. */
export function isSubdomain (name: string): boolean {
  return subdomain.test(name)
}

export function foldedName (name: string): string {
  return name.toLowerCase()
}

/** @throws ConsulError 400 */
export function namespaceOf (name: string): string {
  const label = name.toLowerCase()
  if (!isLabel(label)) throw badRequest(`Invalid namespace ${JSON.stringify(name.slice(0, 128))}: ${labelRule}`)
  return label
}

/** The id of an instance. @throws ConsulError 400 for one that is too long */
export function instanceIdOf (id: string): string {
  const escaped = escapedId(id)
  if (!isId(escaped)) throw badRequest('Invalid service ID: must not be longer than 253 characters, those but ASCII counted as in a URL')
  return escaped
}

/** The same id for one that another agent has registered already. @throws ConsulError 400 */
export function instanceIdAt (id: string, agent: string): string {
  return instanceIdOf(`${id}@${agent}`)
}

function escapedId (id: string): string {
  if (id === '.' || id === '..') return id.replaceAll('.', '%2E')
  if (isId(id) && !id.includes('%')) return id
  return Array.from(id, (char) => (/^[!-$&-.0-~]$/.test(char) ? char : encoded(char))).join('')
}

/** A lone surrogate is no character: its place is told instead. */
function encoded (char: string): string {
  return Array.from(Buffer.from(char, 'utf8'), (octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

const nodeIds = new Map<string, string>()
/** Kept ids: beyond it they are made anew. */
const maxNodeIds = 10_000

/** The UUID of a node, the same for the same address on every node of the registry and after every start. */
export function nodeIdOf (address: string): string {
  const known = nodeIds.get(address)
  if (known !== undefined) return known
  const hex = createHash('sha256').update(`node of ${address}`).digest('hex')
  // The version and the variant of a UUID that was made by its maker's own rule (RFC 9562 5.8).
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  if (nodeIds.size >= maxNodeIds) nodeIds.clear()
  nodeIds.set(address, id)
  return id
}
