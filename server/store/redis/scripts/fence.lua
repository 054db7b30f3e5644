-- Shared by every script that writes inside a term: nothing is written unless epoch and process are the expected ones. ARGV[1] is the epoch.
-- Scripts are not rolled back: the XADD, the only write that a damaged keyspace could refuse, comes before the others.
-- Needs prelude. Provides first (the revision before this script), rev (the newest), recovering, mark, logged, log(), serviceOf(), countTtl(),
-- countBy(), countLease(), countSuspect(), trust(), touch(), bury(), drop(), dropUnreadable(), readLease(), writeLease(), readObject(),
-- writeObject(), dropObject(), longestTtl().
local fence = redis.call('HMGET', META, 'epoch', 'run', 'rev', 'window', 'maxlen', 'term', 'logged')
if not fence[1] then return { 'NOINIT' } end
if fence[1] ~= ARGV[1] then return { 'EPOCH' } end
if fence[2] ~= process() then return { 'TERM' } end
local first = tonumber(fence[3])
local rev = first
local recovering = tonumber(fence[4]) > now
local maxlen = fence[5]
local logged = tonumber(fence[7] or 0)
-- The fraction of a deadline tells in which term it was set. Renewals are not replicated, so one of an older term may be hours too early: such
-- a lease has its full TTL from the beginning of this term. Twelve bits are free behind a time in milliseconds: the upper six hold the term, the
-- lower six the place of a renewal among those of its millisecond (renew), so that no two renewals give a lease one deadline.
local mark = (tonumber(fence[6]) % 64) / 64

local function log (kind, reason, by, ...)
  -- About: all but the body, which comes last, is some hundred octets.
  local count = select('#', ...)
  logged = logged + 300 + (count > 0 and #tostring((select(count, ...))) or 0)
  redis.call('XADD', LOG, 'MAXLEN', '~', maxlen, (rev + 1) .. '-0', 't', kind, 'w', reason, 'b', by, 'a', now, 'z', logged, ...)
  rev = rev + 1
  redis.call('HSET', META, 'rev', rev, 'logged', logged)
  return rev
end
local function serviceOf (key) return string.match(key, '^([^/]*/[^/]*)/') or key end
-- A count that is no number begins anew: what stands in a hash must not keep a service from being written.
local function countIn (hash, field, by)
  local count = redis.pcall('HINCRBY', hash, field, by)
  if type(count) == 'number' then return count end
  redis.call('HSET', hash, field, math.max(by, 0))
  return math.max(by, 0)
end
local function countBy (field, by) return countIn(SVC, field, by) end
-- A hold is at most ten minutes long: longer TTLs need not be told apart.
local function countTtl (ttl, by)
  local seconds = math.min(600, math.ceil(tonumber(ttl) / 1000))
  if countIn(TTLS, seconds, by) <= 0 then redis.call('HDEL', TTLS, seconds) end
end
-- The longest TTL in use, in ms; 0 = no lease. Leases of before there was TTLS are not in it: then it is unknown, and as long as can be.
local function longestTtl ()
  local longest = 0
  for _, seconds in ipairs(redis.call('HKEYS', TTLS)) do longest = math.max(longest, (tonumber(seconds) or 600) * 1000) end
  if longest == 0 and redis.call('ZCARD', EXP) > 0 then return 600000 end
  return longest
end
-- isCounted: the service has counted it already.
local function countLease (key, ttl, by, isCounted)
  local service = serviceOf(key)
  countTtl(ttl, by)
  if countBy('t:' .. service, isCounted and 0 or by) <= 0 then
    redis.call('HDEL', SVC, 't:' .. service, 's:' .. service)
    redis.call('HDEL', PROT, service)
  end
end
local function countSuspect (key, by)
  local service = serviceOf(key)
  if by > 0 then redis.call('HSETNX', PROT, service, 0) end -- the next sweep judges it
  if countBy('s:' .. service, by) <= 0 then
    redis.call('HDEL', SVC, 's:' .. service)
    redis.call('HDEL', PROT, service)
  end
end
local function trust (lease, key)
  if redis.call('SREM', SUS, lease) == 1 then countSuspect(key, -1) end
end
-- The change that was just logged touched a lease without writing its record.
local function touch (lease) redis.call('HSET', SHOWN, lease, rev) end
-- What its instance reported goes with a lease.
local function dropLoad (lease)
  redis.call('HDEL', LOADS, lease)
  redis.call('ZREM', LOADSEQ, lease)
end
-- Inside a recovery window every end leaves a tombstone, or a slower node would put back what ended: under its lease, and with its revision
-- under its key, for lives of before it. `w`: written in this term, and so newer than all that is put back.
local function bury (name) if recovering then redis.call('HSET', TOMB, name, 'w' .. rev) end end
-- Removes a lease, without the log entry. isTold: the end is not of now, and who tells it buries the key.
local function drop (lease, key, ttl, isTold)
  redis.call('HDEL', INST, lease)
  redis.call('HDEL', SHOWN, lease)
  redis.call('ZREM', EXP, lease)
  dropLoad(lease)
  trust(lease, key)
  countLease(key, ttl, -1)
  if redis.call('HGET', IDX, key) == lease then redis.call('HDEL', IDX, key) end
  bury('l:' .. lease)
  if not isTold then bury('k:' .. key) end
end
-- A record that cannot be read may be removed and replaced. Which service counted it is not known: see grant.
local function dropUnreadable (lease)
  redis.call('HDEL', INST, lease)
  redis.call('HDEL', SHOWN, lease)
  redis.call('ZREM', EXP, lease)
  dropLoad(lease)
  redis.call('SREM', SUS, lease)
  bury('l:' .. lease)
end
-- All of them nil if this program did not write the record: it is kept as it is, and no script may fail on it.
local function readLease (record)
  return string.match(record, '^([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(.*)$')
end
local function writeLease (lease, ...)
  redis.call('HSET', INST, lease, table.concat({ ... }, '\n'))
  redis.call('HDEL', SHOWN, lease)
end
-- The same.
local function readObject (record)
  return string.match(record, '^(%d+)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(.*)$')
end
-- The instance that an object says something about (store.ts, subjectOf) is another one from the entry on that was just logged.
local function touchSubject (objectKey)
  if string.sub(objectKey, 1, 9) ~= 'override/' then return end
  local lease = redis.call('HGET', IDX, string.sub(objectKey, 10))
  if lease then touch(lease) end
end
local function writeObject (key, created, modified, createdAt, updatedAt, endsAt, body)
  redis.call('HSET', OBJ, key, table.concat({ created, modified, createdAt, updatedAt, endsAt, body }, '\n'))
  if tonumber(endsAt) > 0 then redis.call('ZADD', ENDS, endsAt, key) else redis.call('ZREM', ENDS, key) end
  touchSubject(key)
end
local function dropObject (key, isTold)
  redis.call('HDEL', OBJ, key)
  redis.call('ZREM', ENDS, key)
  touchSubject(key)
  if not isTold then bury('o:' .. key) end
end
