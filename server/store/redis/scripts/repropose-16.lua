#!lua flags=allow-oom
--[[ Puts back what a restart or a failover lost. Every node calls it with what it saw; the second one changes nothing.
  The newer knowledge wins, by revision: numbers grow through all terms of an epoch. What was put back counts as old as its original, and what
  was written in this term is newer than anything that is put back. The end of a lease is final, since its id is one life's.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, holdMs, recoveryMs, then for each: 'put' | 'del' | 'oput' | 'odel', lease or object, original revision, record or ''
  result  { 'OK', put back, removed, last revision or 0 } | { 'LATE' }
  log     put, del, oput, odel (recovered) ]]
--@include prelude: the keys by name, now, process
--@include fence: first, rev, recovering, mark, log, countTtl, countLease, trust, drop, readLease, writeLease, readObject, writeObject, dropObject,
--  longestTtl
if not recovering then return { 'LATE' } end
local base, put, removed = tonumber(redis.call('HGET', META, 'base')), 0, 0
-- The revision that a proposal must exceed: 0 = the place is free, math.huge = a write of this term is there.
local function age (marker, modified)
  if not modified then return 0 end
  local recovered, original = string.match(redis.call('HGET', TOMB, marker) or '', '^(%d+) (%d+)$')
  if recovered and tonumber(recovered) == modified then return tonumber(original) end
  return modified <= base and modified or math.huge
end
for i = 4, #ARGV, 4 do
  local kind, id, original, text = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  if kind == 'put' and redis.call('HEXISTS', TOMB, 'l:' .. id) == 0 then
    local key, owner, ttl, created, _, createdAt, updatedAt, body = readLease(text)
    local current = key and redis.call('HGET', IDX, key)
    local record = current and redis.call('HGET', INST, current)
    local currentTtl, modified, _
    if record then
      _, _, currentTtl, _, modified = readLease(record)
      modified = tonumber(modified)
    end
    if key and original > age('i:' .. key, modified) then
      local revision = log('put', 'recovered', 'registry', 'l', id, 'k', key, 'o', owner, 'd', ttl, 'c', created, 'n', createdAt, 'u', updatedAt, 'v', body)
      local mine = redis.call('HGET', INST, id)
      local _, _, mineTtl
      if mine then _, _, mineTtl = readLease(mine) end
      if mineTtl then countTtl(mineTtl, -1) end
      if mine then countTtl(ttl, 1) else countLease(key, ttl, 1) end
      if record and current ~= id then
        if modified then drop(current, key, currentTtl) else dropUnreadable(current) end
      end
      writeLease(id, key, owner, ttl, created, revision, createdAt, updatedAt, body)
      trust(id, key)
      redis.call('HSET', IDX, key, id)
      redis.call('ZADD', EXP, now + tonumber(ttl) + mark, id)
      redis.call('HSET', TOMB, 'i:' .. key, revision .. ' ' .. original)
      put = put + 1
    end
  elseif kind == 'del' then
    local record = redis.call('HGET', INST, id)
    local key, _, ttl
    if record then key, _, ttl = readLease(record) end
    if key then
      log('del', 'recovered', 'registry', 'l', id, 'k', key, 'v', record)
      drop(id, key, ttl)
      removed = removed + 1
    end
    redis.call('HSET', TOMB, 'l:' .. id, 1)
  elseif kind == 'oput' or kind == 'odel' then
    local record = redis.call('HGET', OBJ, id)
    local modified, _
    if record then
      _, modified = readObject(record)
      modified = tonumber(modified)
    end
    local grave = tonumber(redis.call('HGET', TOMB, 'o:' .. id) or 0) or 0
    if kind == 'oput' then
      local created, _, createdAt, updatedAt, endsAt, body = readObject(text)
      if created and original > grave and original > age('p:' .. id, modified) then
        local revision = log('oput', 'recovered', 'registry', 'k', id, 'c', created, 'n', createdAt, 'u', updatedAt, 'e', endsAt, 'v', body)
        writeObject(id, created, revision, createdAt, updatedAt, endsAt, body)
        redis.call('HSET', TOMB, 'p:' .. id, revision .. ' ' .. original)
        put = put + 1
      end
    else
      if record and original > age('p:' .. id, modified) then
        log('odel', 'recovered', 'registry', 'k', id, 'v', record)
        dropObject(id)
        removed = removed + 1
      end
      if original > grave then redis.call('HSET', TOMB, 'o:' .. id, original) end
    end
  end
end
-- A large refill outlasts the window: it stays open, and nothing expires, while entries still come in.
if put + removed > 0 then
  local hold = tonumber(redis.call('HGET', META, 'hold'))
  redis.call('HSET', META, 'window', now + tonumber(ARGV[3]), 'hold', math.max(hold, now + math.min(longestTtl(), tonumber(ARGV[2]))))
end
return { 'OK', put, removed, rev == first and 0 or rev }
