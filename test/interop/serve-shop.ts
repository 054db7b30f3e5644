// A process that answers for `shop()` on port 53, of the loopback unless a host is given: run it in a network namespace of its own.
// serve-shop.ts [HOST [auto|off]]
import { startDns } from '../../server/dns/server.ts'
import { systemClock } from '../../server/clock.ts'
import { shop } from './shop.ts'

const [host = '127.0.0.1', batch = 'auto'] = process.argv.slice(2)
await startDns({ source: shop().feed, host, port: 53, batch: batch === 'off' ? 'off' : 'auto', clock: systemClock })
console.log('serving')
