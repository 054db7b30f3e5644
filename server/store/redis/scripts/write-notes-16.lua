#!lua
--[[ Keeps texts beside the records: no change, no entry in the log. All of them, or none.
  KEYS    META, INST, IDX, EXP, LOG, SUS, TOMB, SVC, OBJ, ENDS, PROT, SHOWN, TTLS, LOADS, LOADSEQ, NOTES
  ARGV    epoch, most notes, key of a claim or '', its holder, then for each: key, how long it is kept in ms (0 = until it is removed), body
          (empty = it is removed)
  result  { 'OK', 1 }, { 'OK', 0 } = the claim is another's, { 'OK', -1 } = there are too many ]]
--@include prelude: the keys by name, now, process
--@include fence
local function endOf (text) return tonumber(string.match(text, '^%d+\n(%d+)\n') or 0) end
local function hasEnded (text)
  local ends = endOf(text)
  return ends > 0 and ends <= now
end
if ARGV[3] ~= '' then
  local claim = redis.call('HGET', NOTES, ARGV[3])
  if not claim or hasEnded(claim) or string.match(claim, '^%d+\n%d+\n(.*)$') ~= ARGV[4] then return { 'OK', 0 } end
end
local new = 0
for i = 5, #ARGV, 3 do
  if ARGV[i + 2] ~= '' and redis.call('HEXISTS', NOTES, ARGV[i]) == 0 then new = new + 1 end
end
if new > 0 then
  local keys = redis.call('HKEYS', NOTES)
  local count = #keys
  if count + new > tonumber(ARGV[2]) then
    for _, key in ipairs(keys) do
      if hasEnded(redis.call('HGET', NOTES, key)) then
        redis.call('HDEL', NOTES, key)
        count = count - 1
      end
    end
    if count + new > tonumber(ARGV[2]) then return { 'OK', -1 } end
  end
end
for i = 5, #ARGV, 3 do
  local keep = tonumber(ARGV[i + 1])
  if ARGV[i + 2] == '' then redis.call('HDEL', NOTES, ARGV[i])
  else redis.call('HSET', NOTES, ARGV[i], now .. '\n' .. (keep > 0 and now + keep or 0) .. '\n' .. ARGV[i + 2]) end
end
return { 'OK', 1 }
