// A front end as elements of the maps of the ruleset (kernel/ruleset.ts). Every value is a parsed number or address,
// printed again: no text of a manifest gets here.
import type { Choice, FrontEnd, Target } from '../front-end.ts'
import type { Family } from '../../model/address/ranges.ts'
import { parseCidr } from '../../model/address/ranges.ts'
import { slotsOf } from './slots.ts'

/** One element of a map (with a value) or of a set (without). */
export interface Element {
  readonly family: Family
  readonly map: string
  readonly key: string
  readonly value?: string
}

/** A chain that draws one of so many slots: there is one for each count in use, shared by all services. */
export interface SlotClass {
  readonly family: Family
  readonly transport: FrontEnd['transport']
  /** Draws from the slots for programs of this machine. */
  readonly isInside: boolean
  readonly keepSource: boolean
  /** By the client's address, not at random. */
  readonly isSticky: boolean
  readonly slots: number
}

export function className ({ transport, isInside, keepSource, isSticky, slots }: SlotClass): string {
  return `${isInside ? 'inside-' : ''}${transport}-${keepSource ? 'keep' : 'hide'}-${isSticky ? 'sticky' : 'random'}-${slots}`
}

export interface FrontEndElements {
  readonly elements: readonly Element[]
  readonly classes: readonly SlotClass[]
}

export function elementsOf (frontEnd: FrontEnd): FrontEndElements {
  const elements: Element[] = []
  const classes: SlotClass[] = []
  const { family, address, transport, port, kind, outside, inside, sources } = frontEnd
  const key = `${address} . ${transport} . ${port}`
  const add = (map: string, elementKey: string, value?: string): void => {
    elements.push({ family, map, key: elementKey, ...(value === undefined ? {} : { value }) })
  }
  const carry = (choice: Choice, isInside: boolean): void => {
    const slots = slotsOf(choice.targets)
    const prefix = isInside ? 'inside-' : ''
    if (slots.length === 0) {
      add(`${prefix}empty`, key, choice.whenNone === 'drop' ? 'drop' : 'goto no-endpoints')
      // What programs of this machine are refused must not go the way of the others.
      if (isInside && outside.targets.length > 0) add('inside-services', key, 'accept')
      return
    }
    const slotClass: SlotClass = {
      family, transport, isInside, keepSource: choice.keepSource, isSticky: frontEnd.affinitySeconds !== undefined, slots: slots.length
    }
    classes.push(slotClass)
    add(`${prefix}services`, key, `goto ${className(slotClass)}`)
    for (const [index, target] of slots.entries()) add(`${prefix}slots-${transport}`, `${address} . ${port} . ${index}`, place(target))
  }
  carry(outside, false)
  if (inside !== outside) carry(inside, true)
  if (sources !== undefined) {
    add('guarded', key)
    for (const network of widest(sources)) add('allowed', `${key} . ${network}`)
  }
  if (kind === 'load-balancer' || kind === 'external-ip') add('own', address)
  return { elements, classes }
}

function place ({ address, port }: Target): string {
  return `${address} . ${port}`
}

/** Networks without those that lie in another: the kernel's intervals must not overlap. */
function widest (networks: readonly string[]): string[] {
  const ranges = networks.map((text) => parseCidr(text)).flatMap((range) => ('problem' in range ? [] : [range]))
  const sorted = ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : a.size > b.size ? -1 : 1))
  const kept: typeof ranges = []
  for (const range of sorted) if (!kept.some((other) => other.first <= range.first && range.last <= other.last)) kept.push(range)
  return kept.map(({ text }) => text)
}
