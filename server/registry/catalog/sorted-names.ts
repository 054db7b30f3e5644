// Names in order. Each change gives another list, which costs a copy and no sorting: whoever is on the way through the one before goes on in it.

export type SortedNames = readonly string[]

export function sortedNames (names: Iterable<string>): SortedNames {
  return [...names].sort()
}

/** The list with a name that may be in it already. @param list undefined = nobody has asked for it yet, and nothing is to be done */
export function withName (list: SortedNames | undefined, name: string): SortedNames | undefined {
  if (list === undefined) return undefined
  const place = placeOf(list, name)
  return list[place] === name ? list : list.toSpliced(place, 0, name)
}

/** The list without a name. @param list as of `withName` */
export function withoutName (list: SortedNames | undefined, name: string): SortedNames | undefined {
  if (list === undefined) return undefined
  const place = placeOf(list, name)
  return list[place] === name ? list.toSpliced(place, 1) : list
}

/** Where a name is, or would be: in the order of `sort`, by code units. */
function placeOf (list: SortedNames, name: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] ?? '') < name) low = middle + 1
    else high = middle
  }
  return low
}
