// A password, key or token with a slip (no scheme, a second line, no name, in the wrong setting) was repeated by the error about it.
import t from 'tap'
import { loadConfig, type LoadInput } from '../../server/config/config.ts'
import { readDnsPeers } from '../../server/dns/transfer/peers.ts'
import { parseAddress } from '../../server/store/redis/address.ts'
import { createShell } from '../cli/helper.ts'

const secret = 'Hunter2hunter2HUNTER2'
const base64 = 'aHVudGVyMmh1bnRlcjJodW50ZXI='

function messageOf (act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return String(error)
  }
  return ''
}

const redisSlips = [
  secret, `:${secret}@h`, `redis:/:${secret}@h`, `redis//:${secret}@h`, `http://:${secret}@h`, `redis://:${secret}@h\nredis://:${secret}@i`, `redis://:${secret}`,
  `redis://:${secret}/x@h`, `redis://:${secret}?x@h`, `redis://h?${secret}`, `redis://h?passwrd=${secret}`, `redis://:${secret}%@h`, `redis://:${secret}@h:0`,
  `redis+sentinel://h/${secret}!`, `redis://h/${secret}`, `REDIS://:${secret}@h`
]

t.test('an address of Redis', async (t) => {
  for (const slip of redisSlips) {
    t.notMatch(messageOf(() => parseAddress(slip)), secret, slip)
    for (const input of [{ argv: ['--redis', slip] }, { argv: [`--redis=${slip}`, '--redis', slip] }, { env: { ROLLCALL_REDIS: slip } }]) {
      t.notMatch(messageOf(() => loadConfig({ argv: [], env: {}, readFile: () => '', ...input })), secret, slip)
    }
  }
})

t.test('a file of settings', async (t) => {
  const files = [
    `redis: {url: "redis://:${secret}@h"}`, `redis: ["redis://:${secret}@h", "${secret}"]`, `redis: *${secret}`, `redis: "${secret}`, `redis:redis://:${secret}@h`,
    `redis:redis://:${secret}@h\nhttp: 127.0.0.1:1`, `${secret}`, `"redis://:${secret}@h": x`, `dns-tsig-key: {edge: ${secret}}`, `redis: ${secret}\nredis: ${secret}`,
    `redis: !!${secret} x`, `redis: |${secret}\n x`, `node: "redis://:${secret}@h"`, `http: user:${secret}@127.0.0.1:7500`
  ]
  for (const file of files) {
    const input: LoadInput = { argv: ['--config', 'f'], env: {}, readFile: () => file }
    const message = messageOf(() => loadConfig(input))
    t.not(message, '', file)
    t.notMatch(message, secret, file)
  }
})

t.test('a key of DNS', async (t) => {
  for (const slip of [base64, `=${base64}`, `hmac-sha256:${base64}`, `edge:${base64}`, `edge=hmac-md5:${base64}`, `edge=${base64}\n${base64}`, `ed ge=${base64}`]) {
    const message = messageOf(() => readDnsPeers({ keys: [slip], transferTo: [], notify: [] }))
    t.not(message, '', slip)
    t.notMatch(message, base64.slice(0, 8), slip)
    for (const name of ['dns-tsig-key', 'dns-transfer-to', 'dns-notify', 'http', 'client-zone', 'load-balancer-pool', 'dns-forward']) {
      t.notMatch(messageOf(() => loadConfig({ argv: [`--${name}`, slip], env: {}, readFile: () => '' })), base64.slice(0, 8), `${name} ${slip}`)
    }
    t.notMatch(messageOf(() => loadConfig({ argv: [slip], env: {}, readFile: () => '' })), base64.slice(0, 8), `a word ${slip}`)
  }
})

t.test('what the commands are given', async (t) => {
  const calls: [says: string, argv: string[], env: Record<string, string>][] = [
    ['a token of two lines', ['get', 'services'], { ROLLCALL_TOKEN: `${secret}\n${secret}` }],
    ['a token where a file is meant', ['get', 'services', '--token-file', secret], {}],
    ['a token where a file is meant, as a variable', ['get', 'services'], { ROLLCALL_TOKEN_FILE: secret }],
    ['an address with a password', ['get', 'services'], { ROLLCALL_ADDRESS: `http://user:${secret}@127.0.0.1:1` }],
    ['an address with a password, without a scheme', ['get', 'services'], { ROLLCALL_ADDRESS: `user:${secret}@127.0.0.1:1` }],
    ['a flag of two lines', ['get', 'services', '--token', `${secret}\n`.repeat(2)], {}],
    ['an address that is none', ['get', 'services'], { ROLLCALL_ADDRESS: `http://user:${secret}@h:99999` }],
    ['another scheme', ['get', 'services', '--address', `redis://:${secret}@h`], {}]
  ]
  for (const [says, argv, env] of calls) {
    const { exitCode, out, err } = await createShell({ env }).rollcall(...argv)
    t.equal(exitCode, 2, says)
    t.notMatch([...out, ...err].join('\n'), secret, says)
  }
})
