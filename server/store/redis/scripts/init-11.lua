#!lua
--[[ Creates the keyspace, once. No fence: there is no epoch yet.
  KEYS    all keys of the partition (prelude.lua)
  ARGV    epoch, first revision, holdMs, recoveryMs, maxlen
  result  { 'OK', epoch } or { 'EXISTS', epoch }
  log     init
  Opens a recovery window: nodes that knew the keyspace before it was lost refill it. ]]
--@include prelude
local there = redis.call('HGET', META, 'epoch')
if there then return { 'EXISTS', there } end
redis.call('UNLINK', unpack(KEYS))
redis.call('XADD', LOG, ARGV[2] .. '-0', 't', 'init', 'e', ARGV[1])
redis.call('HSET', META, 'epoch', ARGV[1], 'run', process(), 'term', 1, 'rev', ARGV[2], 'base', 0, 'void', '', 'schema', 1,
  'began', now, 'tick', now, 'hold', now + tonumber(ARGV[3]), 'window', now + tonumber(ARGV[4]), 'prot', 0, 'maxlen', ARGV[5])
return { 'OK', ARGV[1] }
