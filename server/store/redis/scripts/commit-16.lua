#!lua
--[[ Writes objects, all or nothing: every expectation is checked before the first write. The loader makes a second script of it, with allow-oom,
  for commits that only delete: a full Redis takes what makes room.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, by, then for each: 'put' | 'delete', key, body, endsAt, reason, expected revision
          ('' = any, 0 = there is no object)
  result  { 'OK', 'committed', { revision or 0... }, { record or ''... } } | { 'OK', 'conflict', { 0-based positions } }
  log     oput, odel (the given reasons) ]]
--@include prelude: the keys by name, now, process
--@include fence: rev, log, bury, readObject, writeObject, dropObject
local failed = {}
for i = 3, #ARGV, 6 do
  if ARGV[i + 5] ~= '' then
    local record = redis.call('HGET', OBJ, ARGV[i + 1])
    local revision, _ = '0'
    if record then _, revision = readObject(record) end
    revision = revision or '0' -- the record cannot be read: it may be replaced, as if there were none
    if revision ~= ARGV[i + 5] then failed[#failed + 1] = (i - 3) / 6 end
  end
end
if #failed > 0 then return { 'OK', 'conflict', failed } end
local revisions, records = {}, {}
for i = 3, #ARGV, 6 do
  local kind, key, body, endsAt, reason = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local n = #revisions + 1
  revisions[n], records[n] = 0, ''
  local record = redis.call('HGET', OBJ, key)
  local created, createdAt, oldEndsAt, oldBody, _
  if record then created, _, createdAt, _, oldEndsAt, oldBody = readObject(record) end
  if kind == 'put' then
    if oldBody ~= body or oldEndsAt ~= endsAt then
      created, createdAt = created or rev + 1, createdAt or now
      revisions[n] = log('oput', reason, ARGV[2], 'k', key, 'c', created, 'n', createdAt, 'e', endsAt, 'v', body)
      writeObject(key, created, revisions[n], createdAt, now, endsAt, body)
      records[n] = redis.call('HGET', OBJ, key)
    end
  elseif record then
    revisions[n] = log('odel', reason, ARGV[2], 'k', key, 'v', record)
    dropObject(key)
  else
    bury('o:' .. key)
  end
end
return { 'OK', 'committed', revisions, records }
