#!lua flags=allow-oom
--[[ Begins a new term if this Redis process is another one than the term's (restart, promotion), or is behind what the caller has seen.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, the highest revision that the caller saw in it, revision jump, recoveryMs, maxlen, maxbytes, kept void ranges
  result  { 'OK' | 'SAME' | 'NOINIT' | 'EPOCH' }
  log     term
  Revisions above the last one of the old term are void; the jump makes sure that no number is used twice. Two copies of a Redis that is gone may
  both begin a term: they jump by numbers of their own, of the process. `base` is the last revision of before this process: what was written in
  it is the newest there is, also if a node then comes with higher numbers from another copy.
  Everything is shown at the first revision of the term at least. The first sweep finds that no node swept in it, and begins a hold: renewals can arrive from then on.
  The ranges that are not kept become one, from 0: a cursor from among them cannot be judged any more. ]]
--@include prelude: the keys by name, now, process
local meta = redis.call('HMGET', META, 'epoch', 'run', 'rev', 'maxlen', 'void', 'maxbytes', 'logged', 'base')
if not meta[1] then return { 'NOINIT' } end
if meta[1] ~= ARGV[1] then return { 'EPOCH' } end
if meta[4] ~= ARGV[5] or meta[6] ~= ARGV[6] then redis.call('HSET', META, 'maxlen', ARGV[5], 'maxbytes', ARGV[6]) end
local run, base, seen = process(), tonumber(meta[3]), tonumber(ARGV[2])
if meta[2] == run and base >= seen then return { 'SAME' } end
local spread = tonumber(string.sub(run, 1, 7), 16) % 67108864 -- 2^26: of a zone's serial (32 bits) a secondary takes thirty such jumps for one forward
local rev = math.max(base, seen) + tonumber(ARGV[3]) + spread
redis.call('XADD', LOG, rev .. '-0', 't', 'term', 'z', meta[7] or 0)
local ranges, void = {}, meta[5] or ''
for range in string.gmatch(void, '[^,]+') do ranges[#ranges + 1] = range end
ranges[#ranges + 1] = base .. '-' .. rev
while #ranges > tonumber(ARGV[7]) do
  ranges[2] = '0-' .. string.match(ranges[2], '%d+$')
  table.remove(ranges, 1)
end
redis.call('HINCRBY', META, 'term', 1)
redis.call('HSET', META, 'run', run, 'rev', rev, 'base', meta[2] == run and meta[8] or base, 'void', table.concat(ranges, ','),
  'began', now, 'first', rev, 'floor', rev, 'tick', 0, 'hold', 0, 'window', now + tonumber(ARGV[4]))
return { 'OK' }
