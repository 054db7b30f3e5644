// Loads TypeScript below node_modules, which Node refuses to do by itself (ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING) to keep
// packages from publishing it. Ours is an application, and its own directory is the only one that this is for.
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'

const own = new URL('../', import.meta.url).href
const isOwn = (url) => url.startsWith(own) && url.endsWith('.ts') && !url.slice(own.length).includes('node_modules/')

// The one warning that this file causes itself would stand above every command's output.
const emitWarning = process.emitWarning
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).includes('stripTypeScriptTypes')) emitWarning.call(process, warning, ...rest)
}

registerHooks({
  load (url, context, next) {
    if (!isOwn(url)) return next(url, context)
    return { format: 'module', shortCircuit: true, source: stripTypeScriptTypes(readFileSync(new URL(url), 'utf8')) }
  }
})
