#!lua flags=allow-oom
--[[ A node has loaded everything: all nodes show what they derive at one revision from here on. Not if nothing changed since the last raise.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch
  result  { 'OK', revision, floor of what is derived, first revision of the term }
  log     raise ]]
--@include prelude: the keys by name, now, process
--@include fence: rev, log
local floors = redis.call('HMGET', META, 'floor', 'first')
local floor = tonumber(floors[1] or 0)
if floor ~= rev then
  floor = log('raise', '', 'registry')
  redis.call('HSET', META, 'floor', floor)
end
return { 'OK', rev, floor, tonumber(floors[2] or 0) }
