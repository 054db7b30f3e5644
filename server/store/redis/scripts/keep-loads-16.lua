#!lua
--[[ Keeps the last load that each instance reported: no change, no entry in the log. Not replicated and not in the AOF, like renewals: the
  next heartbeats say it again. What is no lease any more says nothing.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, then for each: lease, load
  result  { 'OK' } ]]
--@include prelude: the keys by name, now, process
--@include fence
redis.set_repl(redis.REPL_NONE)
local place = tonumber(redis.call('HGET', META, 'loaded') or 0) or 0
for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', INST, ARGV[i]) == 1 then
    place = place + 1
    redis.call('HSET', LOADS, ARGV[i], now .. '\n' .. ARGV[i + 1])
    redis.call('ZADD', LOADSEQ, place, ARGV[i])
  end
end
redis.call('HSET', META, 'loaded', place)
redis.set_repl(redis.REPL_ALL)
return { 'OK' }
