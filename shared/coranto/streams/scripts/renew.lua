-- Resets the idle time of entries the consumer still owns; never takes one back from another worker.
-- KEYS stream   ARGV group, consumer, id...   Gives the ids it no longer owns.
local lost = {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  -- No group: nobody has taken anything. It is made again where the consumer goes on.
  if pending.err then return {} end
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
