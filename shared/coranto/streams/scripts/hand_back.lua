-- Returns what a consumer holds to the stage's retry line, so that a replica finds it at its next read.
-- KEYS stream, retry
-- ARGV group, consumer, limit, is_own ("1" when nobody else reads the stream), prefix of the queues that the stream's messages
--   came from ("" when they come from none), then the ids that stay with the consumer
-- Gives how many were handed back, and how many entries the consumer held; one that holds nothing any more goes.
local stays = {}
for i = 6, #ARGV do stays[ARGV[i]] = true end
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])
if pending.err then return { 0, 0 } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local queues = ARGV[5] ~= '' and new_queues(ARGV[5], now)
local returned = 0
for _, entry in ipairs(pending) do
  local id, deliveries = entry[1], entry[4]
  if not stays[id] then
    local found = redis.call('XRANGE', KEYS[1], id, id)
    if found[1] then
      local fields, lost, has_since = {}, deliveries - 1, false
      -- Lua unpacks some 8,000 values at most; an entry with more fields than this is none of ours, and is cut.
      for f = 1, math.min(#found[1][2], 2000), 2 do
        local name, value = found[1][2][f], found[1][2][f + 1]
        if name == 'lost' then
          lost = lost + (tonumber(value) or 0)
        else
          if name == 'since' then has_since = true end
          if name == 'host' and queues then queues.rest(value, now, '') end
          fields[#fields + 1] = name
          fields[#fields + 1] = value
        end
      end
      if not has_since then
        fields[#fields + 1] = 'since'
        fields[#fields + 1] = string.match(id, '^%d+')
      end
      -- Workers that died with it stay counted: the new entry's own count begins at nothing.
      if lost > 0 then
        fields[#fields + 1] = 'lost'
        fields[#fields + 1] = string.format('%d', lost)
      end
      redis.call('XADD', KEYS[2], '*', unpack(fields))
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], id) end
    returned = returned + 1
  end
end
-- Removing a consumer forgets what it holds.
if #pending == returned and returned < tonumber(ARGV[3]) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end
return { returned, #pending }
