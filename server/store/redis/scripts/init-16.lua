#!lua
--[[ Creates the keyspace, once. No fence: there is no epoch yet.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, first revision, recoveryMs, maxlen, maxbytes
  result  { 'OK', epoch } or { 'EXISTS', epoch }
  log     init
  Opens a recovery window: nodes that knew the keyspace before it was lost refill it. What they put back begins a hold (repropose). ]]
--@include prelude: the keys by name, now, process
local there = redis.call('HGET', META, 'epoch')
if there then return { 'EXISTS', there } end
redis.call('UNLINK', unpack(KEYS))
redis.call('XADD', LOG, ARGV[2] .. '-0', 't', 'init', 'e', ARGV[1], 'z', 0)
redis.call('HSET', META, 'epoch', ARGV[1], 'run', process(), 'term', 1, 'rev', ARGV[2], 'base', 0, 'void', '', 'schema', 1,
  'began', now, 'first', ARGV[2], 'floor', ARGV[2], 'tick', now, 'hold', 0, 'window', now + tonumber(ARGV[3]), 'pull', '', 'prot', 0,
  'maxlen', ARGV[4], 'maxbytes', ARGV[5], 'logged', 0)
return { 'OK', ARGV[1] }
