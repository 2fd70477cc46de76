-- Returns what a consumer holds to the stage's retry line, so that a replica finds it at its next read.
-- KEYS stream, retry   ARGV group, consumer, limit   Gives how many were handed back; the consumer goes when it holds none.
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])
if pending.err then return 0 end
for _, entry in ipairs(pending) do
  local id = entry[1]
  local found = redis.call('XRANGE', KEYS[1], id, id)
  if found[1] then
    local fields = found[1][2]
    local has_since = false
    for f = 1, #fields, 2 do if fields[f] == 'since' then has_since = true end end
    if not has_since then
      fields[#fields + 1] = 'since'
      fields[#fields + 1] = string.match(id, '^%d+')
    end
    redis.call('XADD', KEYS[2], '*', unpack(fields))
  end
  redis.call('XACK', KEYS[1], ARGV[1], id)
  if KEYS[1] == KEYS[2] then redis.call('XDEL', KEYS[1], id) end
end
if #pending < tonumber(ARGV[3]) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end
return #pending
