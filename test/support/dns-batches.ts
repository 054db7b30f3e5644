// Both ways in which datagrams are read and sent, and a C library that a test has its hand in.
import { Batching } from '../../server/dns/listen/batching.ts'
import type { DnsCounters } from '../../server/dns/counters.ts'
import { type Libc, findLibc } from '../../server/dns/listen/libc.ts'

/** By batches first, where this machine can. */
export const batchSettings = findLibc().libc === undefined ? ['off'] as const : ['auto', 'off'] as const

/** The C library, with some calls replaced. @param changed is given the true calls */
export function batchingOf (counters: DnsCounters, changed: (libc: Libc) => Partial<Libc> = () => ({})): Batching {
  const { libc, missing } = findLibc()
  if (libc === undefined) throw new Error(`this test is of the batched way: ${missing}`)
  return new Batching({ ...libc, ...changed(libc) }, counters)
}

/** What a test of the batched way is given: elsewhere there is nothing to test. */
export const batched = { skip: findLibc().libc === undefined && process.platform !== 'linux' ? 'datagrams are read by batches on Linux only' : false }
