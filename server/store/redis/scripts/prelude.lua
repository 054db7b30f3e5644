-- Shared by every script; the loader puts it behind the shebang. One partition's keys, always all of them and in this order (keys.ts):
--   META  hash    epoch, run, term, rev, base, void, schema, began and first (time and revision of the term), floor (of what is derived), tick (last
--                 sweep), hold and window (until when), pull (cursor of pullIn in expire), beat (renewals, 1 to 63 over and over), loaded (loads ever kept), prot, maxlen, maxbytes, logged (octets ever logged)
--   INST  hash    lease -> key \n generation \n ttlMs \n createdRev \n modRev \n createdAt \n updatedAt \n body
--   IDX   hash    namespace/service/id -> lease
--   EXP   zset    lease -> deadline, ms of this server's clock; the fraction is the term's mark and the place of the renewal (fence.lua)
--   LOG   stream  <rev>-0 -> t type, w reason, b by, a time, z octets logged so far, and what the type needs (records.ts reads it)
--   SUS   set     suspect leases
--   TOMB  hash    inside a recovery window only: l:<lease> = gone; k:<key> and o:<object> = ended at this revision, with a `w` before it if it
--                 was written in that term; i:<key> and p:<object> = "<recovered as> <original rev>"
--   SVC   hash    t:<namespace/service> leases, s:<namespace/service> suspects
--   OBJ   hash    kind/namespace/name -> createdRev \n modRev \n createdAt \n updatedAt \n endsAt \n body
--   ENDS  zset    object -> when it ends by itself
--   PROT  hash    namespace/service -> since when its brake holds; 0 = it has new suspects and is not judged yet
--   SHOWN hash    lease -> revision of the last change that touched it after its modRev: suspicion, trust, an override of it
--   TTLS  hash    seconds, rounded up and at most 600 -> how many leases have such a ttl
--   LOADS hash    lease -> when its instance reported it \n its last load
--   LOADSEQ zset  lease -> place of that load among all (META loaded counts them): who reads goes on from a place
--   NOTES hash    key -> when it was written \n when it ends, or 0 \n a text beside the records, without a revision
-- Provides these names, now (ms of this server's clock) and process().
local META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- The process that runs this script. Replication ids change without loss, this changes exactly when a term must begin.
local function process () return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
