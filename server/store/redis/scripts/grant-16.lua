#!lua
--[[ Registers instances. Refused when memory is full (no allow-oom): before the first write, so never half done. The loader makes a second
  script of it, with allow-oom and `isFull`: that one only renews what is registered so already, which needs no memory.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, then for each: key, lease, generation ('' = the registered life), newGeneration, ttlMs, by, body, who asks ('*' = nobody looks, '' = nobody)
  result  { 'OK', now, { outcome, lease, generation, revision, createdRev, createdAt }... }; outcome 'full' alone from the second script;
          { 'owned', owner } while a life of another owner is registered
  log     put (registered, updated, replaced); up (renewed) when a suspect comes back unchanged;
          del (removed) of a record that cannot be read ]]
--@include prelude: the keys by name, now, process
--@include fence: rev, mark, log, countBy, countTtl, countLease, serviceOf, dropUnreadable, trust, touch, drop, readLease, writeLease
local isFull = false
local function grant (key, lease, generation, newGeneration, ttl, by, body, asker)
  local old = redis.call('HGET', IDX, key)
  local record = old and redis.call('HGET', INST, old)
  -- An index without a record that can be read: its place is taken, and its service has counted it already.
  local isLeft = old and not (record and readLease(record))
  if isLeft and isFull then return { 'full' } end
  if isLeft and record then
    log('del', 'removed', by, 'l', old, 'k', key)
    dropUnreadable(old)
    record = false
  end
  if record then
    local _, owner, oldTtl, created, modified, createdAt, _, oldBody = readLease(record)
    local holder = asker ~= '*' and string.match(oldBody, ',"owner":"([^"\\]*)"}$')
    if holder and holder ~= asker then return { 'owned', holder } end
    if generation == '' or generation == owner then
      local revision = modified
      if oldBody == body and tonumber(oldTtl) == ttl then
        if redis.call('SISMEMBER', SUS, old) == 1 then
          revision = log('up', 'renewed', by, 'l', old, 'k', key)
          trust(old, key)
          touch(old)
        end
        redis.call('ZADD', EXP, now + ttl + mark, old)
        return { 'unchanged', old, owner, tonumber(revision), tonumber(created), tonumber(createdAt) }
      end
      if isFull then return { 'full' } end
      revision = log('put', 'updated', by, 'l', old, 'k', key, 'o', owner, 'd', ttl, 'c', created, 'n', createdAt, 'v', body)
      writeLease(old, key, owner, ttl, created, revision, createdAt, now, body)
      trust(old, key)
      countTtl(oldTtl, -1)
      countTtl(ttl, 1)
      redis.call('ZADD', EXP, now + ttl + mark, old)
      return { 'updated', old, owner, revision, tonumber(created), tonumber(createdAt) }
    end
  end
  if isFull then return { 'full' } end
  local owner = generation == '' and newGeneration or generation
  local revision = log('put', record and 'replaced' or 'registered', by, 'l', lease, 'k', key, 'o', owner, 'd', ttl, 'c', rev + 1, 'n', now, 'v', body)
  countLease(key, ttl, 1, isLeft and countBy('t:' .. serviceOf(key), 0) > 0)
  if record then
    local _, _, oldTtl = readLease(record)
    drop(old, key, oldTtl)
  end
  writeLease(lease, key, owner, ttl, revision, revision, now, now, body)
  redis.call('HSET', IDX, key, lease)
  redis.call('ZADD', EXP, now + ttl + mark, lease)
  return { record and 'replaced' or 'created', lease, owner, revision, revision, now }
end
local out = { 'OK', now }
for i = 2, #ARGV, 8 do
  out[#out + 1] = grant(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5], ARGV[i + 6], ARGV[i + 7])
end
return out
