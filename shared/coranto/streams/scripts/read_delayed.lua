-- A page of the messages that wait for their retry, soonest first. The layout of a message is commit.lua's.
-- KEYS delayed, delayed-entries   ARGV due from (milliseconds or "-inf"), messages to skip, most messages
-- Gives { due, event, attempts, reason } for each.
local found = {}
local waiting = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', ARGV[2], ARGV[3])
for i = 1, #waiting, 2 do
  local packed = redis.call('HGET', KEYS[2], waiting[i])
  if packed then
    local message = cmsgpack.unpack(packed)
    found[#found + 1] = { waiting[i + 1], message[1], message[2], message[4] }
  end
end
return { #waiting / 2, found }
