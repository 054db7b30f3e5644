#!lua flags=allow-oom
--[[ Part of the notes whose keys match; the caller goes on until the cursor is 0 again.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, cursor, pattern
  result  { 'OK', now, next cursor, { key, time \n end or 0 \n body... } } ]]
--@include prelude: the keys by name, now, process
--@include fence
local part = redis.call('HSCAN', NOTES, ARGV[2], 'MATCH', ARGV[3], 'COUNT', 1000)
return { 'OK', now, part[1], part[2] }
