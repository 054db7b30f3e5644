// The rule `rollcall/guarded-callbacks`: in the server no timer and no event handler is set without a guard (server/guard.ts), because
// what it throws would end the process. A clock's `after` and a feed's `listen` guard what they are given, and need none.

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'nextTick'])
const events = new Set(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener', 'addEventListener'])

/** `guard.around(...)`, whatever the guard is called or reached by. */
function isGuarded (node) {
  return node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && node.callee.property.name === 'around'
}

/** Where a name was defined, as far as this file shows. */
function definitionsOf (node, scope) {
  for (let at = scope; at !== null; at = at.upper) {
    const found = at.set.get(node.name)
    if (found !== undefined) return found.defs
  }
  return []
}

/** A constant that was made by `guard.around(...)`; what settles a promise: the executor's parameters, and what `withResolvers` gives. */
function isSafeName (node, scope) {
  if (node.type !== 'Identifier') return false
  return definitionsOf(node, scope).some(({ type, node: definition }) => {
    if (type === 'Parameter') return definition.parent?.type === 'NewExpression' && definition.parent.callee.name === 'Promise'
    const { init } = definition
    return init?.type === 'CallExpression' && (isGuarded(init) || (init.callee.type === 'MemberExpression' && init.callee.property.name === 'withResolvers'))
  })
}

/** `() => undefined` and `() => {}`: there is nothing that could throw. */
function isEmpty (node) {
  if (node.type !== 'ArrowFunctionExpression') return false
  return (node.body.type === 'Identifier' && node.body.name === 'undefined') || (node.body.type === 'BlockStatement' && node.body.body.length === 0)
}

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      timer: 'What this timer calls may throw, and would end the process: wrap it in guard.around(place, ...), or take a clock.',
      event: 'What this event handler throws would end the process: wrap it in guard.around(place, ...).'
    }
  },
  create (context) {
    /** Properties that this file sets to `guard.around(...)`, and to something else. */
    const guarded = new Set()
    const unguarded = new Set()
    /** Callbacks that are properties: what they were set to is known at the end of the file. */
    const later = []
    const check = (node, callback, messageId) => {
      if (callback === undefined || isGuarded(callback) || isEmpty(callback) || isSafeName(callback, context.sourceCode.getScope(node))) return
      if (callback.type === 'MemberExpression') later.push({ callback, messageId })
      else context.report({ node: callback, messageId })
    }
    const set = (name, value) => {
      if (name !== undefined && value) (isGuarded(value) ? guarded : unguarded).add(name)
    }
    return {
      CallExpression (node) {
        const { callee } = node
        const name = callee.type === 'Identifier' ? callee.name : callee.type === 'MemberExpression' ? callee.property.name : undefined
        if (timers.has(name)) check(node, node.arguments[0], 'timer')
        else if (callee.type === 'MemberExpression' && events.has(name) && node.arguments.length >= 2) check(node, node.arguments[1], 'event')
      },
      // `socket.onmessage = ...` is an event handler by another way.
      AssignmentExpression ({ left, right }) {
        if (left.type === 'MemberExpression') set(left.property.name, right)
        if (left.type === 'MemberExpression' && /^on[a-z]+$/.test(left.property.name ?? '')) check(left, right, 'event')
      },
      PropertyDefinition ({ key, value }) {
        set(key.name, value)
      },
      'Program:exit' () {
        for (const { callback, messageId } of later) {
          const { name } = callback.property
          if (!guarded.has(name) || unguarded.has(name)) context.report({ node: callback, messageId })
        }
      }
    }
  }
}
