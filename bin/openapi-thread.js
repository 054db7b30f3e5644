// The entry of the thread that describes the API. What the launcher set up for loading modules holds for its own thread only.
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { useCompileCache } from './compile-cache.js'

useCompileCache()
if (fileURLToPath(import.meta.url).split(sep).includes('node_modules')) await import('./strip-types.js')
await import('../server/http/server/openapi-thread.ts')
