-- Takes over entries that have been idle, counting how many workers have had each.
-- KEYS stream, outcomes   ARGV group, consumer, min_idle_ms, count, suspects
-- A suspect is an entry that two workers have had and lost: at most so many are taken, or one that kills its worker would
-- make all that are taken with it look guilty.
-- Gives a list of { id, deliveries, fields }.
local taken = {}
local room, suspects = tonumber(ARGV[4]), tonumber(ARGV[5])
local idle = redis.pcall('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', math.max(room, 100))
if idle.err then return taken end
for _, entry in ipairs(idle) do
  local id, deliveries = entry[1], entry[4]
  if #taken >= room then break end
  if deliveries < 2 or suspects > 0 then
    if deliveries >= 2 then suspects = suspects - 1 end
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], id)
    -- Redis 6.2 answers nil for an entry that was deleted by hand, 7 leaves it out: either way it is settled here.
    if claimed[1] and claimed[1][2] then
      taken[#taken + 1] = { id, deliveries + 1, claimed[1][2] }
    else
      redis.call('XACK', KEYS[1], ARGV[1], id)
      redis.call('HINCRBY', KEYS[2], 'dropped|entry_deleted', 1)
    end
  end
end
return taken
