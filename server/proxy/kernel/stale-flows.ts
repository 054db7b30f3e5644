// UDP flows that the kernel still sends to an endpoint which has gone: each packet refreshes their entry in conntrack, so
// that a client with a fixed source port would stay there for ever. After a change the entries are listed once, and
// those that contradict the state are deleted.
import { parseIp } from '../../model/address/ranges.ts'
import type { FrontEndChanges } from '../back-end.ts'
import type { FrontEnd } from '../front-end.ts'
import type { Run } from '../program.ts'

/** Entries deleted after one change: one program is started for each. What is left goes after the next look. */
const maxDeleted = 1_000

interface Flow {
  readonly address: string
  readonly port: string
  readonly sourceAddress: string
  readonly sourcePort: string
  /** Where the answers come from: the endpoint, or the address itself if nothing is translated. */
  readonly repliesFrom: string
}

export class StaleFlows {
  readonly #run: Run
  /** UDP front ends by `address port`, those that are gone too until a look has cleaned up behind them. */
  readonly #targets = new Map<string, ReadonlySet<string>>()
  readonly #gone = new Set<string>()
  #isDue = false
  /** The program conntrack is there, as far as is known. */
  #isAble = true

  constructor (run: Run) {
    this.#run = run
  }

  get isAble (): boolean {
    return this.#isAble
  }

  change (changes: FrontEndChanges): void {
    for (const [key, frontEnd] of changes) {
      const [address = '', transport, port = ''] = key.split(' ')
      if (transport !== 'udp') continue
      const place = `${address} ${port}`
      this.#isDue = true
      this.#targets.set(place, frontEnd === undefined ? new Set() : placesOf(frontEnd))
      if (frontEnd === undefined) this.#gone.add(place)
      else this.#gone.delete(place)
    }
  }

  async removeStale (): Promise<void> {
    if (!this.#isDue || !this.#isAble) return
    const listed = await this.#run('conntrack', ['-L', '-p', 'udp'])
    if (listed.code === undefined) this.#isAble = false
    if (listed.code !== 0) return
    this.#isDue = false
    let deleted = 0
    for (const flow of flowsOf(listed.out)) {
      const targets = this.#targets.get(`${flow.address} ${flow.port}`)
      if (targets === undefined || targets.has(flow.repliesFrom)) continue
      if (++deleted > maxDeleted) {
        this.#isDue = true
        return
      }
      await this.#run('conntrack', [
        '-D', '-p', 'udp', '--orig-src', flow.sourceAddress, '--orig-port-src', flow.sourcePort, '--orig-dst', flow.address, '--orig-port-dst', flow.port
      ])
    }
    for (const place of this.#gone) this.#targets.delete(place)
    this.#gone.clear()
  }
}

function placesOf ({ outside, inside }: FrontEnd): ReadonlySet<string> {
  return new Set([...outside.targets, ...inside.targets].map(({ address, port }) => `${address} ${port}`))
}

/** Reads `conntrack -L`: each line has the first direction (src, dst, sport, dport), then that of the answers. */
export function * flowsOf (text: string): Generator<Flow> {
  for (const line of text.split('\n')) {
    const values = (name: string): string[] => Array.from(line.matchAll(new RegExp(`(?:^| )${name}=(\\S+)`, 'g')), ([, value = '']) => value)
    const [sourceAddress, repliesAddress] = values('src')
    const [address] = values('dst')
    const [sourcePort, repliesPort] = values('sport')
    const [port] = values('dport')
    if (sourceAddress === undefined || repliesAddress === undefined || address === undefined) continue
    if (sourcePort === undefined || repliesPort === undefined || port === undefined) continue
    yield { address: canonical(address), port, sourceAddress, sourcePort, repliesFrom: `${canonical(repliesAddress)} ${repliesPort}` }
  }
}

function canonical (text: string): string {
  const ip = parseIp(text)
  return 'problem' in ip ? text : ip.text
}
