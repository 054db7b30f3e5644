#!lua flags=allow-oom
--[[ Turns due leases suspect, removes due suspects unless a brake holds, ends due objects. Any number of nodes may call it: each expiry is one entry.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, limit, gapMs, holdMs, graceMs, maxTtlMs, registry brake: ratio, atLeast, maxMs, service brake: ratio, atLeast, maxMs
  result  { 'OK', suspected, expired, kept, hold left, registry brake since, more, last revision or 0, { service, since... } }
  log     sus (suspect), del (expired), odel (override-ended) ]]
--@include prelude: the keys by name, now, process
--@include rules: holdUntil, pulledIn, brakeSince, brakeHolds
--@include fence: first, rev, recovering, mark, logged, log, serviceOf, countSuspect, touch, drop, readLease, dropObject, longestTtl
local N = {}
for i = 2, #ARGV do N[i] = tonumber(ARGV[i]) end
local limit, gapMs, holdMs, grace, maxTtl = math.min(N[2], 2000), N[3], N[4], N[5], N[6]
local more = 0

local state = redis.call('HMGET', META, 'tick', 'hold', 'prot', 'began', 'window', 'pull', 'maxbytes')
local gap, hold, protected, began = now - tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), tonumber(state[4])
redis.set_repl(redis.REPL_NONE)
redis.call('HSET', META, 'tick', now)
redis.set_repl(redis.REPL_ALL)
-- No node swept for a while: Redis, all nodes or the network stood still, or the clock stepped.
-- That is no evidence against instances.
if gap > gapMs or gap < -1000 or hold > now then
  local held = holdUntil(hold, gap, gapMs, math.min(longestTtl(), holdMs), now)
  if held ~= hold then redis.call('HSET', META, 'hold', held) end
  hold = held
end
-- A clock that stepped back leaves times ahead of it that nothing would reach for hours. Deadlines are pulled in a slice at each sweep.
local pull = state[6] or ''
if gap < -1000 then
  pull = '0'
  began = math.min(began, now)
  redis.call('HSET', META, 'pull', pull, 'began', began, 'window', math.min(tonumber(state[5]), now))
end
if pull ~= '' then
  local page = redis.call('HSCAN', INST, pull, 'COUNT', 1000)
  for i = 1, #page[2], 2 do
    local lease, _, _, ttl = page[2][i], readLease(page[2][i + 1])
    local deadline = tonumber(redis.call('ZSCORE', EXP, lease) or 0)
    local period = redis.call('SISMEMBER', SUS, lease) == 1 and grace or tonumber(ttl or 0)
    local nearer = pulledIn(math.floor(deadline), period, now) + deadline % 1
    if nearer < deadline then redis.call('ZADD', EXP, 'XX', nearer, lease) end
  end
  redis.call('HSET', META, 'pull', page[1] == '0' and '' or page[1])
end
local far = redis.call('ZRANGE', EXP, '(' .. (now + maxTtl + 1), '+inf', 'BYSCORE', 'LIMIT', 0, 500)
for _, lease in ipairs(far) do redis.call('ZADD', EXP, 'XX', now + maxTtl + mark, lease) end
if not recovering and redis.call('EXISTS', TOMB) == 1 then redis.call('UNLINK', TOMB) end

-- The log is bounded by number at each entry, and by octets here: large bodies leave fewer entries.
local maxbytes = tonumber(state[7] or 0)
local oldest = maxbytes > 0 and redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
if oldest then
  local before
  for i = 1, #oldest[2], 2 do if oldest[2][i] == 'z' then before = tonumber(oldest[2][i + 1]) end end
  local octets = before and logged - before or 0
  if octets > maxbytes then
    redis.call('XTRIM', LOG, 'MAXLEN', '~', math.max(1, math.floor(redis.call('XLEN', LOG) * maxbytes / octets)))
  end
end

local ended = redis.call('ZRANGE', ENDS, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
for _, key in ipairs(ended) do
  local record = redis.call('HGET', OBJ, key)
  if record then log('odel', 'override-ended', 'registry', 'k', key, 'v', record) end
  dropObject(key)
end
if #ended == limit then more = 1 end

local due, flags, records = {}, {}, {}
if now >= hold then
  due = redis.call('ZRANGE', EXP, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  if #due == limit then more = 1 end
end
if #due > 0 then
  flags = redis.call('SMISMEMBER', SUS, unpack(due))
  records = redis.call('HMGET', INST, unpack(due))
end
local suspected, expired, kept = 0, 0, 0
for i, lease in ipairs(due) do
  local key, _, ttl
  if records[i] then key, _, ttl = readLease(records[i]) end
  if records[i] and not key then
    -- It cannot be read: it does not end, but is left for an operator.
    redis.call('ZADD', EXP, now + maxTtl + mark, lease)
    redis.call('SREM', SUS, lease)
    records[i] = false
  elseif not records[i] then
    redis.call('ZREM', EXP, lease)
    redis.call('SREM', SUS, lease)
  elseif flags[i] == 0 then
    local fresh = began + tonumber(ttl)
    if fresh > now and math.floor(tonumber(redis.call('ZSCORE', EXP, lease)) % 1 * 64) / 64 ~= mark then
      redis.call('ZADD', EXP, math.min(fresh, now + maxTtl) + mark, lease)
    else
      log('sus', 'suspect', 'registry', 'l', lease, 'k', key)
      redis.call('SADD', SUS, lease)
      touch(lease)
      countSuspect(key, 1)
      redis.call('ZADD', EXP, now + grace + mark, lease)
      suspected = suspected + 1
    end
  end
end

-- Suspicion is never delayed, removal is. Judged once, before anything is removed: the order of the removals must not decide who stays.
local since = brakeSince(N[7], N[8], redis.call('SCARD', SUS), redis.call('ZCARD', EXP), protected, now)
if since ~= protected then redis.call('HSET', META, 'prot', since) end
local registryHolds = brakeHolds(N[9], since, now)
protected = since
local serviceHolds, told = {}, {}
local function judge (service, known)
  local counts = redis.call('HMGET', SVC, 't:' .. service, 's:' .. service)
  local begun = brakeSince(N[10], N[11], tonumber(counts[2] or 0) or 0, tonumber(counts[1] or 0) or 0, known, now)
  if begun == 0 then redis.call('HDEL', PROT, service)
  elseif begun ~= known then redis.call('HSET', PROT, service, begun) end
  serviceHolds[service] = brakeHolds(N[12], begun, now)
  if serviceHolds[service] then
    told[#told + 1] = service
    told[#told + 1] = begun
  end
end
-- PROT holds every service that got a suspect since it was last judged, or is braked: also one of which nothing is due. At most so many in one sweep.
local sick = redis.call('HRANDFIELD', PROT, 2000, 'WITHVALUES')
for i = 1, #sick, 2 do judge(sick[i], tonumber(sick[i + 1]) or 0) end

for i, lease in ipairs(due) do
  if records[i] and flags[i] == 1 then
    local key, _, ttl = readLease(records[i])
    local service = serviceOf(key)
    if serviceHolds[service] == nil then judge(service, tonumber(redis.call('HGET', PROT, service) or 0) or 0) end
    if registryHolds or serviceHolds[service] then
      redis.call('ZADD', EXP, now + grace + mark, lease) -- else the kept ones would block the head of the queue
      kept = kept + 1
    else
      log('del', 'expired', 'registry', 'l', lease, 'k', key, 's', 1, 'v', records[i])
      drop(lease, key, ttl)
      expired = expired + 1
    end
  end
end
return { 'OK', suspected, expired, kept, math.max(0, hold - now), registryHolds and protected or 0, more, rev == first and 0 or rev, told }
