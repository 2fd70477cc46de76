-- The values of keys between which messages move, at one moment, as DUMP gives them.
-- KEYS any   ARGV prefixes of queues by host, whose keys are found here, see hosts.lua
-- Gives key, value and milliseconds left (-1 for ever) for each key that exists, one after the other.
local found = {}
local function add(key)
  local value = redis.call('DUMP', key)
  if value then
    found[#found + 1] = key
    found[#found + 1] = value
    found[#found + 1] = redis.call('PTTL', key)
  end
end
for _, key in ipairs(KEYS) do add(key) end
for _, prefix in ipairs(ARGV) do
  for _, name in ipairs({ 'rests', 'slow', 'count', 'live', 'live:slow', 'backlog', 'backlog:slow', 'oldest:live', 'oldest:backlog' }) do
    add(prefix .. ':' .. name)
  end
  for _, lane in ipairs({ 'live', 'live:slow', 'backlog', 'backlog:slow' }) do
    local class = string.match(lane, '^[a-z]+')
    for _, host in ipairs(redis.call('ZRANGE', prefix .. ':' .. lane, 0, -1)) do add(prefix .. ':waiting:' .. class .. ':' .. host) end
  end
end
return found
