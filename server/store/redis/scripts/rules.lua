-- The rules of expiry, as ../../expiry-rules.ts says them; test/store/expiry-rules.ts runs one table on both. Nothing here touches a key.
-- Provides holdUntil, pulledIn, brakeSince, brakeHolds.
local function holdUntil (until_, gap, maxGap, length, at)
  local isDeaf = gap > maxGap or gap < -1000
  if isDeaf or until_ > at + length then return at + length end
  return until_
end
local function pulledIn (deadline, period, at) return math.min(deadline, at + period) end
local function brakeSince (ratio, atLeast, suspects, all, since, at)
  if not (suspects >= atLeast and suspects > ratio * all) then return 0 end
  if since == 0 then return at end
  return math.min(since, at)
end
local function brakeHolds (maxMs, since, at) return since ~= 0 and at - since <= maxMs end
