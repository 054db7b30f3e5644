#!lua flags=allow-oom
--[[ Renews leases of one ttl. Not replicated and not in the AOF: a new term always begins with a hold,
  so old deadlines there do no harm.
  allow-oom: a renewal needs no memory, and a full Redis must not expire the whole registry.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, ttlMs, lease...
  result  { 'OK', the deadline as a text, last revision or 0, { 0-based positions of unknown leases } }
  The deadline is one that no other renewal gives these leases, also within a millisecond: the session that has it was the last (lose). Redis runs some
  thirty scripts in a millisecond; 63 places are enough. 0 is the place of what is not a renewal.
  log     up (renewed) for each suspect that came back ]]
--@include prelude: the keys by name, now, process
--@include fence: first, rev, mark, log, trust, touch, readLease
redis.set_repl(redis.REPL_NONE)
local beat = (tonumber(redis.call('HGET', META, 'beat') or 0) or 0) % 63 + 1
redis.call('HSET', META, 'beat', beat)
redis.set_repl(redis.REPL_ALL)
local deadline = now + tonumber(ARGV[2]) + mark + beat / 4096
local suspects = redis.call('SCARD', SUS) > 0
local unknown = {}
local chunk = 2000 -- unpack takes at most 7,999 values
for from = 3, #ARGV, chunk do
  local to = math.min(from + chunk - 1, #ARGV)
  local scored, n = {}, 0
  for i = from, to do
    scored[n + 1], scored[n + 2] = deadline, ARGV[i]
    n = n + 2
  end
  redis.set_repl(redis.REPL_NONE)
  local changed = redis.call('ZADD', EXP, 'XX', 'CH', unpack(scored))
  redis.set_repl(redis.REPL_ALL)
  -- Fewer changed than sent: unknown, or renewed twice within a millisecond.
  if changed < to - from + 1 then
    local scores = redis.call('ZMSCORE', EXP, unpack(ARGV, from, to))
    for i = 1, #scores do
      if not scores[i] then unknown[#unknown + 1] = from + i - 4 end
    end
  end
  if suspects then
    local flags = redis.call('SMISMEMBER', SUS, unpack(ARGV, from, to))
    for i = 1, #flags do
      local lease = ARGV[from + i - 1]
      if flags[i] == 1 and redis.call('SISMEMBER', SUS, lease) == 1 then
        local record = redis.call('HGET', INST, lease)
        local key = record and readLease(record)
        if key then
          log('up', 'renewed', 'registry', 'l', lease, 'k', key)
          trust(lease, key)
          touch(lease)
        else
          redis.call('SREM', SUS, lease)
        end
      end
    end
  end
end
return { 'OK', string.format('%.17g', deadline), rev == first and 0 or rev, unknown }
