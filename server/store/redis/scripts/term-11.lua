#!lua flags=allow-oom
--[[ Begins a new term if this Redis process is another one than the term's (restart, promotion), or is behind what the caller has seen.
  KEYS    all keys of the partition (prelude.lua)
  ARGV    epoch, the highest revision that the caller saw in it, revision jump, holdMs, recoveryMs, maxlen, kept void ranges
  result  { 'OK' | 'SAME' | 'NOINIT' | 'EPOCH' }
  log     term
  Revisions above `base` of the old term are void; the jump makes sure that no number is used twice. ]]
--@include prelude
local meta = redis.call('HMGET', META, 'epoch', 'run', 'rev', 'maxlen', 'void')
if not meta[1] then return { 'NOINIT' } end
if meta[1] ~= ARGV[1] then return { 'EPOCH' } end
if meta[4] ~= ARGV[6] then redis.call('HSET', META, 'maxlen', ARGV[6]) end
local run, base, seen = process(), tonumber(meta[3]), tonumber(ARGV[2])
if meta[2] == run and base >= seen then return { 'SAME' } end
local rev = math.max(base, seen) + tonumber(ARGV[3])
redis.call('XADD', LOG, rev .. '-0', 't', 'term')
local ranges, void = {}, meta[5] or ''
for range in string.gmatch(void, '[^,]+') do ranges[#ranges + 1] = range end
ranges[#ranges + 1] = base .. '-' .. rev
redis.call('HINCRBY', META, 'term', 1)
redis.call('HSET', META, 'run', run, 'rev', rev, 'base', base, 'void', table.concat(ranges, ',', math.max(1, #ranges - tonumber(ARGV[7]) + 1)),
  'began', now, 'tick', now, 'hold', now + tonumber(ARGV[4]), 'window', now + tonumber(ARGV[5]))
return { 'OK' }
