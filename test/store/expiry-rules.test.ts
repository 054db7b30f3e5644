import { readFileSync } from 'node:fs'
import t from 'tap'
import { holdLength } from '../../server/store/expiry-rules.ts'
import { cases, given } from './expiry-rules.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

t.test('the rules in TypeScript give what the table says', (t) => {
  for (const each of cases) t.equal(given(each), each.gives, `${each.rule}: ${each.title}`)
  t.end()
})

t.test('a hold is as long as the longest TTL in use, and at most its limit', (t) => {
  for (const [longestMs, maxMs, lengthMs] of [[2_000, 60_000, 2_000], [86_400_000, 60_000, 60_000], [0, 60_000, 0], [2_000, 0, 0]] as const) {
    t.equal(holdLength(longestMs, maxMs), lengthMs)
  }
  t.end()
})

t.test('the same rules in Lua, run by Redis, give what the table says', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const text = readFileSync(new URL('../../server/store/redis/scripts/rules.lua', import.meta.url), 'utf8')
  const driver = `${text}
local rule = ({ holdUntil = holdUntil, pulledIn = pulledIn, brakeSince = brakeSince, brakeHolds = brakeHolds })[ARGV[1]]
local numbers = {}
for i = 2, #ARGV do numbers[i - 1] = tonumber(ARGV[i]) end
return tostring(rule(unpack(numbers)))`
  for (const { title, rule, numbers, gives } of cases) {
    const answer = String(await server.admin.call('EVAL', driver, 0, rule, ...numbers))
    t.equal(typeof gives === 'boolean' ? answer : Number(answer), typeof gives === 'boolean' ? String(gives) : gives, `${rule}: ${title}`)
  }
})
