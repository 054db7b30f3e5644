// A node whose rounds of autoscaling are a fifth of a second apart, which no setting permits: `quick-autoscaling.ts serve ...`.
import { readFileSync } from 'node:fs'
import { loadConfig } from '../../server/config/config.ts'
import { serve } from '../../server/serve.ts'

const { values } = loadConfig({ argv: process.argv.slice(3), env: process.env, readFile: (path) => readFileSync(path, 'utf8') })
const node = await serve({ ...values, autoscaling: { ...values.autoscaling, intervalMs: 200 } })
process.once('SIGTERM', () => void node.leave(0).then(() => process.exit(0)))
