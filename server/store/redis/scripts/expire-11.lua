#!lua flags=allow-oom
--[[ Turns due leases suspect, removes due suspects unless a brake holds, ends due objects. Any number of nodes may call it: each expiry is one entry.
  KEYS    all keys of the partition (prelude.lua)
  ARGV    epoch, limit, gapMs, holdMs, graceMs, maxTtlMs, registry brake: ratio, atLeast, maxMs, service brake: ratio, atLeast, maxMs
  result  { 'OK', suspected, expired, kept, hold left, registry brake since, more, last revision or 0, { service, since... } }
  log     sus (suspect), del (expired), odel (override-ended) ]]
--@include prelude
--@include fence
local N = {}
for i = 2, #ARGV do N[i] = tonumber(ARGV[i]) end
local limit, gapMs, holdMs, grace, maxTtl = math.min(N[2], 2000), N[3], N[4], N[5], N[6]
local more = 0

local state = redis.call('HMGET', META, 'tick', 'hold', 'prot', 'began')
local gap, hold, protected, began = now - tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), tonumber(state[4])
redis.set_repl(redis.REPL_NONE)
redis.call('HSET', META, 'tick', now)
redis.set_repl(redis.REPL_ALL)
-- Nobody swept for a while: Redis, or all nodes, or the network between were deaf, or the clock stepped. That is no evidence against instances.
-- A hold farther away than a hold is long is the work of a clock that stepped back.
if gap > gapMs or gap < -1000 or hold > now + holdMs then
  hold = now + holdMs
  redis.call('HSET', META, 'hold', hold)
end
local far = redis.call('ZRANGE', EXP, '(' .. (now + maxTtl + 1), '+inf', 'BYSCORE', 'LIMIT', 0, 500)
for _, lease in ipairs(far) do redis.call('ZADD', EXP, 'XX', now + maxTtl + mark, lease) end
if not recovering and redis.call('EXISTS', TOMB) == 1 then redis.call('UNLINK', TOMB) end

local ended = redis.call('ZRANGE', ENDS, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
for _, key in ipairs(ended) do
  if redis.call('HEXISTS', OBJ, key) == 1 then log('odel', 'override-ended', 'registry', 'k', key) end
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
  if records[i] and not readLease(records[i]) then
    -- Nobody can read it: it is not ended, but left for an operator.
    redis.call('ZADD', EXP, now + maxTtl + mark, lease)
    redis.call('SREM', SUS, lease)
    records[i] = false
  elseif not records[i] then
    redis.call('ZREM', EXP, lease)
    redis.call('SREM', SUS, lease)
  elseif flags[i] == 0 then
    local key, _, ttl = readLease(records[i])
    local fresh = began + tonumber(ttl)
    if fresh > now and tonumber(redis.call('ZSCORE', EXP, lease)) % 1 ~= mark then
      redis.call('ZADD', EXP, math.min(fresh, now + maxTtl) + mark, lease)
    else
      log('sus', 'suspect', 'registry', 'l', lease, 'k', key)
      redis.call('SADD', SUS, lease)
      countSuspect(key, 1)
      redis.call('ZADD', EXP, now + grace + mark, lease)
      suspected = suspected + 1
    end
  end
end

-- Suspicion is never delayed, removal is. Judged once, before anything is removed: the order of the removals must not decide who stays.
local registryHolds = false
local suspects, all = redis.call('SCARD', SUS), redis.call('ZCARD', EXP)
if suspects >= N[8] and suspects > N[7] * all then
  if protected == 0 then
    protected = now
    redis.call('HSET', META, 'prot', now)
  end
  registryHolds = now - protected <= N[9] -- `prot` stays when the time is over, or the brake would begin anew
elseif protected ~= 0 then
  redis.call('HSET', META, 'prot', 0)
end
local serviceHolds, told = {}, {}
local function judge (service, since)
  local counts = redis.call('HMGET', SVC, 't:' .. service, 's:' .. service)
  local total, doubtful = tonumber(counts[1] or 0) or 0, tonumber(counts[2] or 0) or 0
  if doubtful >= N[11] and doubtful > N[10] * total then
    if since == 0 then
      since = now
      redis.call('HSET', PROT, service, now)
    end
    serviceHolds[service] = now - since <= N[12]
    if serviceHolds[service] then
      told[#told + 1] = service
      told[#told + 1] = since
    end
  else
    redis.call('HDEL', PROT, service)
    serviceHolds[service] = false
  end
end
-- PROT holds every service that got a suspect since it was last judged, or is braked: also one of which nothing is due. At most so many in one sweep.
local sick = redis.call('HRANDFIELD', PROT, 2000, 'WITHVALUES')
for i = 1, #sick, 2 do judge(sick[i], tonumber(sick[i + 1]) or 0) end

for i, lease in ipairs(due) do
  if records[i] and flags[i] == 1 then
    local key = readLease(records[i])
    local service = serviceOf(key)
    if serviceHolds[service] == nil then judge(service, tonumber(redis.call('HGET', PROT, service) or 0) or 0) end
    if registryHolds or serviceHolds[service] then
      redis.call('ZADD', EXP, now + grace + mark, lease) -- else the kept ones would block the head of the queue
      kept = kept + 1
    else
      log('del', 'expired', 'registry', 'l', lease, 'k', key)
      drop(lease, key)
      expired = expired + 1
    end
  end
end
return { 'OK', suspected, expired, kept, math.max(0, hold - now), registryHolds and protected or 0, more, rev == first and 0 or rev, told }
