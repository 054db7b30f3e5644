// Loaded before each test file: modules that an earlier file of the run has compiled are not compiled again. A third of what a file
// costs was that. It is no variable of the environment, so that programs that tests start are as a user has them.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/test-modules', import.meta.url)))
