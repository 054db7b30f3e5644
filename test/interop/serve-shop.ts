// A process that answers for `shop()` on port 53 of the loopback: run it in a network namespace of its own.
import { startDns } from '../../server/dns/server.ts'
import { shop } from './shop.ts'

await startDns({ source: shop().feed, host: '127.0.0.1', port: 53 })
console.log('serving')
