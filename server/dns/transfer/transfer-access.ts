// Who may have a whole zone.
import { BlockList } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { TransferRule } from './peers.ts'

interface Condition {
  readonly networks: BlockList | undefined
  readonly key: string | undefined
}

export class TransferAccess {
  readonly #conditions: readonly Condition[]

  /** @param rules one of them must hold; without rules no client may */
  constructor (rules: readonly TransferRule[]) {
    this.#conditions = rules.map(({ network, key }) => {
      if (network === undefined) return { networks: undefined, key }
      const networks = new BlockList()
      const [address = '', prefix] = network.text.split('/')
      networks.addSubnet(address, Number(prefix), network.family === 4 ? 'ipv4' : 'ipv6')
      return { networks, key }
    })
  }

  /**
   * @param address of the client; an IPv4 client of a listener for both families counts as IPv4
   * @param key that the query is signed with, if it is
   */
  allows (address: string, key: string | undefined): boolean {
    if (!ipaddr.isValid(address)) return false // a connection that is gone has none
    const client = ipaddr.process(address)
    const text = client.toString()
    const family = client.kind()
    return this.#conditions.some((condition) => (condition.networks === undefined || condition.networks.check(text, family)) &&
      (condition.key === undefined ? condition.networks !== undefined : condition.key === key))
  }
}
