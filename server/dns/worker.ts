// A thread that answers DNS: the same server as in the main thread, before a mirror of its feed. bin/dns-worker.js loads it.
import { runThread } from '../threads/thread-program.ts'
import { DnsCounters } from './counters.ts'
import { type DnsThreadSettings, startDns } from './server.ts'

await runThread<DnsThreadSettings>(({ settings, counters, source, log }) =>
  startDns({ ...settings, reusePort: true, source, counters: new DnsCounters(counters), log }))
