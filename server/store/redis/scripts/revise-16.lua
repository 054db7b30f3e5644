#!lua
--[[ Changes the body of a living lease if its record still has the expected revision. Deadline and suspicion stay.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, lease, expected revision, body, reason, by
  result  { 'OK', 'updated', revision, record } | { 'OK', 'conflict' } | { 'OK', 'unknown' }; no record if nothing changed
  log     put (the given reason) ]]
--@include prelude: the keys by name, now, process
--@include fence: log, readLease, writeLease
local lease, expected, body, reason, by = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local record = redis.call('HGET', INST, lease)
if not record then return { 'OK', 'unknown' } end
local key, owner, ttl, created, modified, createdAt, _, oldBody = readLease(record)
if not key then return { 'OK', 'unknown' } end
if modified ~= expected then return { 'OK', 'conflict' } end
if oldBody == body then return { 'OK', 'updated', tonumber(modified) } end
local revision = log('put', reason, by, 'l', lease, 'k', key, 'o', owner, 'd', ttl, 'c', created, 'n', createdAt,
  's', redis.call('SISMEMBER', SUS, lease), 'v', body)
writeLease(lease, key, owner, ttl, created, revision, createdAt, now, body)
return { 'OK', 'updated', revision, redis.call('HGET', INST, lease) }
