-- A page of the messages in one host's queue, first first. The layout of a message is commit.lua's.
-- KEYS queue   ARGV messages to skip, most messages   Gives { event as it waits, attempts, reason } for each.
local found = {}
for _, packed in ipairs(redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)) do
  local message = cmsgpack.unpack(packed)
  found[#found + 1] = { message[1], message[2], message[6] }
end
return found
