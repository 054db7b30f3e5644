#!lua flags=allow-oom
--[[ Puts back what a restart or a failover lost. Every node calls it with what it saw; the second one changes nothing.
  The newer knowledge of a key or an object wins, by revision: numbers grow through all terms of an epoch. What was put back counts as old as its
  original, and what was written in this term, be it an end, is newer than anything that is put back. An end ends every older life of its key, also
  one that is not its own: of a life that was replaced no other end is told. The end of a lease is final, since its id is one life's.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, holdMs, recoveryMs, then for each: 'put' | 'del' | 'oput' | 'odel', lease or object, original revision,
          of a put or oput the record, of a del the key ('' = it is not known)
  result  { 'OK', put back, removed, last revision or 0 } | { 'LATE' }
  log     put, del, oput, odel (recovered) ]]
--@include prelude: the keys by name, now, process
--@include fence: first, rev, recovering, mark, log, serviceOf, countTtl, countBy, countLease, trust, drop, dropUnreadable, readLease, writeLease, readObject,
--  writeObject, dropObject, longestTtl
if not recovering then return { 'LATE' } end
local base, put, removed = tonumber(redis.call('HGET', META, 'base')), 0, 0
-- The revision that a proposal must exceed: 0 = the place is free, math.huge = a write of this term is there. marker: of TOMB, as all below.
local function age (marker, modified)
  if not modified then return 0 end
  local recovered, original = string.match(marker or '', '^(%d+) (%d+)$')
  if recovered and tonumber(recovered) == modified then return tonumber(original) end
  return modified <= base and modified or math.huge
end
-- The same of its last end: 0 = none is known.
local function ended (grave)
  local written, at = string.match(grave or '', '^(w?)(%d+)$')
  at = tonumber(at or 0)
  return written == 'w' and at > base and math.huge or at
end
local function markerOf (name) return redis.call('HGET', TOMB, name) end
local function told (name, original)
  if original > ended(markerOf(name)) then redis.call('HSET', TOMB, name, original) end
end
local function livingOf (key)
  local lease = redis.call('HGET', IDX, key)
  local record = lease and redis.call('HGET', INST, lease)
  if not record then return end
  local _, _, ttl, _, modified = readLease(record)
  return lease, record, ttl, tonumber(modified)
end
local function remove (lease, key, ttl, record)
  log('del', 'recovered', 'registry', 'l', lease, 'k', key, 'v', record)
  drop(lease, key, ttl, true)
  removed = removed + 1
end
-- Lives whose key is free are nearly all of a refill. They are logged one by one and written together, before anything else is looked at.
local free = { leases = {}, records = {}, index = {}, deadlines = {}, markers = {}, ttls = {}, services = {}, keys = {} }
local function write ()
  if #free.leases == 0 then return end
  redis.call('HSET', INST, unpack(free.records))
  redis.call('HSET', IDX, unpack(free.index))
  redis.call('ZADD', EXP, unpack(free.deadlines))
  redis.call('HSET', TOMB, unpack(free.markers))
  redis.call('HDEL', SHOWN, unpack(free.leases))
  redis.call('SREM', SUS, unpack(free.leases))
  for ttl, count in pairs(free.ttls) do countTtl(ttl, count) end
  for service, count in pairs(free.services) do countBy('t:' .. service, count) end
  free = { leases = {}, records = {}, index = {}, deadlines = {}, markers = {}, ttls = {}, services = {}, keys = {} }
end
local function collect (list, one, other) list[#list + 1], list[#list + 2] = one, other end
local function take (id, key, ttl, record, marker)
  free.leases[#free.leases + 1] = id
  free.keys[key] = true
  collect(free.records, id, record)
  collect(free.index, key, id)
  collect(free.deadlines, now + tonumber(ttl) + mark, id)
  collect(free.markers, 'i:' .. key, marker)
  local service = serviceOf(key)
  free.ttls[ttl] = (free.ttls[ttl] or 0) + 1
  free.services[service] = (free.services[service] or 0) + 1
  if #free.leases >= 1000 then write() end -- unpack takes at most 7,999 values
end
for i = 4, #ARGV, 4 do
  local kind, id, original, text = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local key, owner, ttl, created, _, createdAt, updatedAt, body
  if kind == 'put' then key, owner, ttl, created, _, createdAt, updatedAt, body = readLease(text) end
  if kind ~= 'put' or free.keys[key or ''] then write() end
  if key then
    local graves = redis.call('HMGET', TOMB, 'l:' .. id, 'k:' .. key, 'i:' .. key)
    local current, record, currentTtl, modified = livingOf(key)
    if not graves[1] and original > ended(graves[2]) and original > age(graves[3], modified) then
      local mine = current == id and record or redis.call('HGET', INST, id)
      local revision = log('put', 'recovered', 'registry', 'l', id, 'k', key, 'o', owner, 'd', ttl, 'c', created, 'n', createdAt, 'u', updatedAt, 'v', body)
      local marker = revision .. ' ' .. original
      if not record and not mine then
        take(id, key, ttl, table.concat({ key, owner, ttl, created, revision, createdAt, updatedAt, body }, '\n'), marker)
      else
        local mineTtl
        if mine then _, _, mineTtl = readLease(mine) end
        if mineTtl then countTtl(mineTtl, -1) end
        if mine then countTtl(ttl, 1) else countLease(key, ttl, 1) end
        if record and current ~= id then
          if modified then drop(current, key, currentTtl, true) else dropUnreadable(current) end
        end
        writeLease(id, key, owner, ttl, created, revision, createdAt, updatedAt, body)
        trust(id, key)
        redis.call('HSET', IDX, key, id)
        redis.call('ZADD', EXP, now + tonumber(ttl) + mark, id)
        redis.call('HSET', TOMB, 'i:' .. key, marker)
      end
      put = put + 1
    end
  elseif kind == 'del' then
    local record = redis.call('HGET', INST, id)
    local key, _, ttl
    if record then key, _, ttl = readLease(record) end
    if key then remove(id, key, ttl, record) end
    redis.call('HSET', TOMB, 'l:' .. id, 1)
    if text ~= '' then
      local current, older, olderTtl, modified = livingOf(text)
      if modified and original > age(markerOf('i:' .. text), modified) then remove(current, text, olderTtl, older) end
      told('k:' .. text, original)
    end
  elseif kind == 'oput' or kind == 'odel' then
    local record = redis.call('HGET', OBJ, id)
    local modified, _
    if record then
      _, modified = readObject(record)
      modified = tonumber(modified)
    end
    if kind == 'oput' then
      local created, _, createdAt, updatedAt, endsAt, body = readObject(text)
      if created and original > ended(markerOf('o:' .. id)) and original > age(markerOf('p:' .. id), modified) then
        local revision = log('oput', 'recovered', 'registry', 'k', id, 'c', created, 'n', createdAt, 'u', updatedAt, 'e', endsAt, 'v', body)
        writeObject(id, created, revision, createdAt, updatedAt, endsAt, body)
        redis.call('HSET', TOMB, 'p:' .. id, revision .. ' ' .. original)
        put = put + 1
      end
    else
      if record and original > age(markerOf('p:' .. id), modified) then
        log('odel', 'recovered', 'registry', 'k', id, 'v', record)
        dropObject(id, true)
        removed = removed + 1
      end
      told('o:' .. id, original)
    end
  end
end
write()
-- A large refill outlasts the window: it stays open, and nothing expires, while entries still come in.
if put + removed > 0 then
  local hold = tonumber(redis.call('HGET', META, 'hold'))
  redis.call('HSET', META, 'window', now + tonumber(ARGV[3]), 'hold', math.max(hold, now + math.min(longestTtl(), tonumber(ARGV[2]))))
end
return { 'OK', put, removed, rev == first and 0 or rev }
