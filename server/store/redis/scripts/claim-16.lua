#!lua
--[[ A claim: one holder at a time, until its end.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, key, holder, for how long in ms (0 = it is given up)
  result  { 'OK', 1 } = the holder has it (or had it, and gave it up), { 'OK', 0 } = another one has it ]]
--@include prelude: the keys by name, now, process
--@include fence
local claim = redis.call('HGET', NOTES, ARGV[2])
if claim then
  local ends, holder = string.match(claim, '^%d+\n(%d+)\n(.*)$')
  -- An end farther away than a claim may last is the work of a clock step.
  if ends and tonumber(ends) > now and tonumber(ends) <= now + 600000 and holder ~= ARGV[3] then return { 'OK', 0 } end
end
if ARGV[4] == '0' then redis.call('HDEL', NOTES, ARGV[2])
else redis.call('HSET', NOTES, ARGV[2], now .. '\n' .. now + tonumber(ARGV[4]) .. '\n' .. ARGV[3]) end
return { 'OK', 1 }
