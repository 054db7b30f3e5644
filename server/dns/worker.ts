// A thread that answers DNS: the same server as in the main thread, before a mirror of its feed. bin/dns-worker.js loads it.
import { runThread } from '../threads/thread-program.ts'
import { DnsCounters } from './counters.ts'
import { type DnsThreadOrder, type DnsThreadSettings, startDns } from './server.ts'

await runThread<DnsThreadSettings, DnsThreadOrder>('dns', async ({ settings, counters, source, guard, log }) => {
  const server = await startDns({ ...settings, reusePort: true, source, guard, counters: new DnsCounters(counters), log })
  return { take: ({ certificate }) => server.renew(certificate), close: () => server.close() }
})
