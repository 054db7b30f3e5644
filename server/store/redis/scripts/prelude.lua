-- Shared by every script; the loader puts it behind the shebang. One partition's keys, always all of them and in this order (keys.ts):
--   meta HASH    epoch, run, term, rev, base, void, schema, began (the term), tick (last sweep), hold and window (until when), prot, maxlen
--   inst HASH    lease -> key \n generation \n ttlMs \n createdRev \n modRev \n createdAt \n updatedAt \n body
--   idx  HASH    namespace/service/id -> lease
--   exp  ZSET    lease -> deadline, ms of this server's clock; the fraction is the term's mark (fence.lua)
--   log  STREAM  <rev>-0 -> t type, w reason, b by, a time, and what the type needs (records.ts reads it)
--   sus  SET     suspect leases
--   tomb HASH    inside a recovery window only: l:<lease> and o:<object> = gone; i:<key> and p:<object> = "<recovered as> <original rev>"
--   svc  HASH    t:<namespace/service> leases, s:<namespace/service> suspects
--   obj  HASH    kind/namespace/name -> createdRev \n modRev \n createdAt \n updatedAt \n endsAt \n body
--   ends ZSET    object -> when it ends by itself
--   prot HASH    namespace/service -> since when its brake holds; 0 = it has new suspects and is not judged yet
local META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- The process that runs this script. Replication ids change without loss, this changes exactly when a term must begin.
local function process () return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
