#!lua flags=allow-oom
--[[ Sessions broke: their leases turn suspect, unless another connection renewed them since
  (then the deadline is another one, as no two renewals give a lease the same).
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, graceMs, then for each: lease, the deadline that the caller's last renewal gave it
  result  { 'OK', turned suspect, last revision or 0 }
  log     sus (suspect) ]]
--@include prelude: the keys by name, now, process
--@include fence: first, rev, mark, log, countSuspect, touch, readLease
local grace, count = tonumber(ARGV[2]), 0
for i = 3, #ARGV, 2 do
  local lease = ARGV[i]
  local deadline = redis.call('ZSCORE', EXP, lease)
  local record = deadline and tonumber(deadline) == tonumber(ARGV[i + 1]) and redis.call('HGET', INST, lease)
  local key = record and readLease(record)
  if key and redis.call('SISMEMBER', SUS, lease) == 0 then
    log('sus', 'suspect', 'registry', 'l', lease, 'k', key)
    redis.call('SADD', SUS, lease)
    touch(lease)
    countSuspect(key, 1)
    redis.call('ZADD', EXP, now + grace + mark, lease)
    count = count + 1
  end
end
return { 'OK', count, rev == first and 0 or rev }
