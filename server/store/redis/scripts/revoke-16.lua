#!lua flags=allow-oom
--[[ Ends leases on request. An unknown one leaves a tombstone inside a recovery window: its registration may still be on the way back.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, by, lease...
  result  { 'OK', { revision or 0... }, { key or ''... } }
  log     del (deregistered) ]]
--@include prelude: the keys by name, now, process
--@include fence: log, bury, drop, dropUnreadable, readLease
local revisions, keys = {}, {}
for i = 3, #ARGV do
  local lease = ARGV[i]
  local record = redis.call('HGET', INST, lease)
  local n = #revisions + 1
  local key, _, ttl
  if record then key, _, ttl = readLease(record) end
  if record and not key then
    keys[n] = ''
    revisions[n] = log('del', 'deregistered', ARGV[2], 'l', lease, 'k', '')
    dropUnreadable(lease)
  elseif record then
    keys[n] = key
    revisions[n] = log('del', 'deregistered', ARGV[2], 'l', lease, 'k', keys[n], 's', redis.call('SISMEMBER', SUS, lease), 'v', record)
    drop(lease, keys[n], ttl)
  else
    bury('l:' .. lease)
    keys[n], revisions[n] = '', 0
  end
end
return { 'OK', revisions, keys }
