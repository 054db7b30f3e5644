#!lua flags=allow-oom
--[[ Puts right what of META can be known without it. No fence: its fields may be what is wrong. Whatever is put right, a new term begins after it.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch for a keyspace that has none, maxlen, maxbytes, then for each damaged field: its name, its value ('' = missing)
  result  { 'OK' } | { 'CHANGED' }: a value is another one by now | { 'LOG' }: the revision is not known, since the log is empty
  The newest entry of the log has the revision (fence.lua, log). Without an epoch the records stay, under a new one: cursors of before are of no
  history, and nodes offer what they saw. ]]
--@include prelude: the keys by name, now, process
for i = 4, #ARGV, 2 do
  if (redis.call('HGET', META, ARGV[i]) or '') ~= ARGV[i + 1] then return { 'CHANGED' } end
end
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
local logged = 0
if last then
  for i = 1, #last[2], 2 do if last[2][i] == 'z' then logged = tonumber(last[2][i + 1]) or 0 end end
end
local rev = redis.call('HGET', META, 'rev') or ''
for i = 4, #ARGV, 2 do
  if ARGV[i] == 'rev' then
    if not last then return { 'LOG' } end
    rev = string.match(last[1], '^%d+')
  end
end
-- Those that are not named here have no memory of their own: 0, or what the new term gives them.
local known = {
  epoch = ARGV[1], rev = rev, logged = logged, maxlen = ARGV[2], maxbytes = ARGV[3], pull = '', schema = 1,
  term = math.floor(now / 1000), -- no count of terms came so far: the number is new
  void = '0-' .. rev -- a cursor of before cannot be judged any more
}
for i = 4, #ARGV, 2 do redis.call('HSET', META, ARGV[i], known[ARGV[i]] or 0) end
redis.call('HSET', META, 'run', '')
return { 'OK' }
