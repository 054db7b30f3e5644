#!/usr/bin/env node
// The launcher. Any Node from 12 on must be able to read it, to tell its user what to do: old syntax, no static import.
// On a Node that is new enough it is out of the way after one comparison, and there is no second process.
// SIGUSR1 makes Node open a debugger for whoever may send signals. No command wants that.
process.on('SIGUSR1', function () {})

var needed = 24
var current = process.versions.node

Promise.all([import('fs'), import('path'), import('child_process')]).then(function (modules) {
  var fs = modules[0].default
  var path = modules[1].default
  var home = path.dirname(path.dirname(fs.realpathSync(process.argv[1])))
  if (parseInt(current, 10) >= needed) return start(home, path)
  var own = ownNode(home, fs, path)
  if (own !== undefined) return pass(own, modules[2].default)
  console.error('Rollcall needs Node ' + needed + ' or newer and this is ' + current + ': run it with npm (npm start, npx rollcall), ' +
    'which brings Node ' + needed + ' along on Linux, or install Node ' + needed + ' from nodejs.org.')
  process.exit(1)
}).catch(function (error) {
  console.error(error)
  process.exit(1)
})

function start (home, path) {
  // Node strips no types below node_modules, which is where a global installation has this package.
  var installed = home.split(path.sep).indexOf('node_modules') !== -1
  return import('./keep-tick.js').then(function () {
    return import('./compile-cache.js')
  }).then(function (cache) {
    cache.useCompileCache()
    return installed ? import('./strip-types.js') : undefined
  }).then(function () {
    return import('../server/main.ts')
  })
}

/** The Node that npm installed beside us (an optional dependency on Linux), if there is one of the right age. */
function ownNode (home, fs, path) {
  var name = 'node-linux-' + process.arch
  // In the package's own node_modules, or beside the package in those of a global installation.
  var places = [path.join(home, 'node_modules', name), path.join(path.dirname(home), name)]
  for (var index = 0; index < places.length; index++) {
    var program = path.join(places[index], 'bin', 'node')
    try {
      var version = JSON.parse(fs.readFileSync(path.join(places[index], 'package.json'), 'utf8')).version
      if (process.platform === 'linux' && parseInt(version, 10) >= needed && fs.existsSync(program)) return program
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }
  return undefined
}

/** Runs the same command on another Node: its signals, its exit code. Only here is there a second process. */
function pass (program, childProcess) {
  var child = childProcess.spawn(program, ['--disable-sigusr1', '--max-semi-space-size=16'].concat(process.argv.slice(1)), { stdio: 'inherit' })
  var signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']
  signals.forEach(function (signal) {
    process.on(signal, function () {
      // A terminal sends Ctrl-C to the whole group, so that the child has it already.
      if (signal === 'SIGTERM' || signal === 'SIGUSR2' || !process.stdin.isTTY) child.kill(signal)
    })
  })
  child.on('error', function (error) {
    console.error('Rollcall could not start ' + program + ': ' + error.message)
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code)
    signals.forEach(function (name) { process.removeAllListeners(name) })
    process.kill(process.pid, signal)
  })
}
