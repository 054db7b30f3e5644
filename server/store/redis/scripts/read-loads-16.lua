#!lua flags=allow-oom
--[[ Loads that were kept after a place, oldest first. A place of another term, or beyond the newest, is the beginning.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, term of the place, place, limit (at most 2,000)
  result  { 'OK', now, term, the next place, { lease, place... }, { time \n load, or false } } ]]
--@include prelude: the keys by name, now, process
--@include fence
local term, place = fence[6], tonumber(ARGV[3])
if ARGV[2] ~= term or place > (tonumber(redis.call('HGET', META, 'loaded') or 0) or 0) then place = 0 end
local found = redis.call('ZRANGE', LOADSEQ, '(' .. string.format('%.17g', place), '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[4], 'WITHSCORES')
if #found == 0 then return { 'OK', now, term, string.format('%.17g', place), {}, {} } end
local leases = {}
for i = 1, #found, 2 do leases[#leases + 1] = found[i] end
local texts = redis.call('HMGET', LOADS, unpack(leases))
-- A node of an older version that ended a lease did not know of its load.
redis.set_repl(redis.REPL_NONE)
for i = 1, #leases do
  if redis.call('HEXISTS', INST, leases[i]) == 0 then
    redis.call('HDEL', LOADS, leases[i])
    redis.call('ZREM', LOADSEQ, leases[i])
    texts[i] = false
  end
end
redis.set_repl(redis.REPL_ALL)
return { 'OK', now, term, found[#found], leases, texts }
