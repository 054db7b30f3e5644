// The entry of a process that answers requests of ingresses. What the launcher set up for loading modules holds for its own process only.
import './keep-tick.js'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { useCompileCache } from './compile-cache.js'

useCompileCache()
if (fileURLToPath(import.meta.url).split(sep).includes('node_modules')) await import('./strip-types.js')
await import('../server/proxy/ingress/workers/worker-process.ts')
