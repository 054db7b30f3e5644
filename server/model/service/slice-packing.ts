// Which slice an endpoint is in: a function of what is there now, so that every node, before and after a restart, says
// the same, and one endpoint that comes or goes changes the slice that it is in and no other. All are in slice 0; a
// slice with more than 100 is halved by the next bit of a hash of each endpoint's name into the slices 2n+1 and 2n+2,
// and two halves that fit into one again are one again.

/** Kubernetes' default: a change of one endpoint costs its watchers one slice. */
export const maxEndpointsPerSlice = 100
/** Bits of the hash. What is equal in all of them cannot be told apart: it is cut in its order. */
const maxDepth = 32
/** Numbers of those pieces lie behind all others. */
const behindAll = 2 ** (maxDepth + 1)

/** The number of a slice, and its members. */
type Packed<Item> = readonly [number, readonly Item[]]

interface Hashed<Item> {
  readonly item: Item
  readonly hash: number
}

/** The members of each slice by its number, in ascending order; one empty slice if there are none. */
export function packed<Item> (items: readonly Item[], nameOf: (item: Item) => string): readonly Packed<Item>[] {
  const slices: Packed<Item>[] = []
  const put = (number: number, members: readonly Hashed<Item>[], depth: number): void => {
    if (members.length <= maxEndpointsPerSlice) {
      if (members.length > 0 || depth === 0) slices.push([number, members.map(({ item }) => item)])
      return
    }
    if (depth === maxDepth) {
      for (let piece = 0; piece * maxEndpointsPerSlice < members.length; piece++) {
        const own = members.slice(piece * maxEndpointsPerSlice, (piece + 1) * maxEndpointsPerSlice)
        slices.push([number + piece * behindAll, own.map(({ item }) => item)])
      }
      return
    }
    const [zeros, ones] = halves(members, depth)
    put(2 * number + 1, zeros, depth + 1)
    put(2 * number + 2, ones, depth + 1)
  }
  put(0, items.map((item) => ({ item, hash: hashOf(nameOf(item)) })), 0)
  return slices.sort(([a], [b]) => a - b)
}

/**
 * The numbers of all slices that there may have been, when of what is called so some was there for certain.
 * @param names all that may have been there @param certain whether one was
 */
export function possibleNumbers (names: Iterable<string>, certain: (name: string) => boolean): readonly number[] {
  const numbers: number[] = []
  const look = (number: number, members: readonly Hashed<boolean>[], depth: number): void => {
    const least = members.reduce((count, { item }) => count + (item ? 1 : 0), 0)
    if (least <= maxEndpointsPerSlice) numbers.push(number)
    if (members.length <= maxEndpointsPerSlice || depth === maxDepth) return
    const [zeros, ones] = halves(members, depth)
    look(2 * number + 1, zeros, depth + 1)
    look(2 * number + 2, ones, depth + 1)
  }
  look(0, Array.from(new Set(names), (name) => ({ item: certain(name), hash: hashOf(name) })), 0)
  return numbers
}

function halves<Item> (members: readonly Hashed<Item>[], depth: number): readonly [Hashed<Item>[], Hashed<Item>[]] {
  const [zeros, ones]: [Hashed<Item>[], Hashed<Item>[]] = [[], []]
  for (const member of members) ((member.hash >>> (maxDepth - 1 - depth)) & 1 ? ones : zeros).push(member)
  return [zeros, ones]
}

/** FNV-1a, and the last steps of MurmurHash3, by which each bit depends on each character. */
function hashOf (text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
