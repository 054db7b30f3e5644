-- Shared by every script that writes inside a term: nothing is written unless epoch and process are the expected ones. ARGV[1] is the epoch.
-- Scripts are not rolled back: the XADD, the only write that a damaged keyspace could refuse, comes before the others.
local fence = redis.call('HMGET', META, 'epoch', 'run', 'rev', 'window', 'maxlen', 'term')
if not fence[1] then return { 'NOINIT' } end
if fence[1] ~= ARGV[1] then return { 'EPOCH' } end
if fence[2] ~= process() then return { 'TERM' } end
local first = tonumber(fence[3])
local rev = first
local recovering = tonumber(fence[4]) > now
local maxlen = fence[5]
-- The fraction of a deadline tells in which term it was set. Renewals are not replicated, so one of an older term may be hours too early: such
-- a lease has its full TTL from the beginning of this term. Twelve bits are free behind a time in milliseconds; ten of them hold the fraction.
local mark = (tonumber(fence[6]) % 1024) / 1024

local function log (kind, reason, by, ...)
  redis.call('XADD', LOG, 'MAXLEN', '~', maxlen, (rev + 1) .. '-0', 't', kind, 'w', reason, 'b', by, 'a', now, ...)
  rev = rev + 1
  redis.call('HSET', META, 'rev', rev)
  return rev
end
local function serviceOf (key) return string.match(key, '^([^/]*/[^/]*)/') or key end
-- A count that is no number begins anew: what stands in a hash must not keep a service from being written.
local function countBy (field, by)
  local count = redis.pcall('HINCRBY', SVC, field, by)
  if type(count) == 'number' then return count end
  redis.call('HSET', SVC, field, math.max(by, 0))
  return math.max(by, 0)
end
local function countLease (key, by)
  local service = serviceOf(key)
  if countBy('t:' .. service, by) <= 0 then
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
-- Removes a lease, without the log entry. Every removal inside a recovery window leaves a tombstone, or a slower node would put it back.
local function drop (lease, key)
  redis.call('HDEL', INST, lease)
  redis.call('ZREM', EXP, lease)
  trust(lease, key)
  countLease(key, -1)
  if redis.call('HGET', IDX, key) == lease then redis.call('HDEL', IDX, key) end
  if recovering then redis.call('HSET', TOMB, 'l:' .. lease, 1) end
end
-- A record that nobody can read may be removed, and be replaced. Which service counted it is not known: see grant.
local function dropUnreadable (lease)
  redis.call('HDEL', INST, lease)
  redis.call('ZREM', EXP, lease)
  redis.call('SREM', SUS, lease)
  if recovering then redis.call('HSET', TOMB, 'l:' .. lease, 1) end
end
-- All of them nil if the record is none that this program wrote: it is kept as it is, and no script may fail on it.
local function readLease (record)
  return string.match(record, '^([^\n]*)\n([^\n]*)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(.*)$')
end
local function writeLease (lease, ...) redis.call('HSET', INST, lease, table.concat({ ... }, '\n')) end
-- The same.
local function readObject (record)
  return string.match(record, '^(%d+)\n(%d+)\n(%d+)\n(%d+)\n(%d+)\n(.*)$')
end
local function writeObject (key, created, modified, createdAt, updatedAt, endsAt, body)
  redis.call('HSET', OBJ, key, table.concat({ created, modified, createdAt, updatedAt, endsAt, body }, '\n'))
  if tonumber(endsAt) > 0 then redis.call('ZADD', ENDS, endsAt, key) else redis.call('ZREM', ENDS, key) end
end
local function dropObject (key)
  redis.call('HDEL', OBJ, key)
  redis.call('ZREM', ENDS, key)
  if recovering then redis.call('HSET', TOMB, 'o:' .. key, rev) end
end
