-- Takes messages out of the queues of hosts that may be asked now, one for each host, and hands them to a consumer.
-- KEYS claimed   ARGV prefix of the queues, group, consumer, count, slow, lease_ms
-- Live messages first, those of slow hosts only up to `slow`. Until its message is settled, or for the lease, a host hands out
-- no other. Gives { entries, milliseconds until the next host may be asked or -1 }.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix, room, slow = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local queues = new_queues(prefix, now)
redis.call('ZREMRANGEBYSCORE', prefix .. ':rests', '-inf', now)
redis.call('ZREMRANGEBYSCORE', prefix .. ':slow', '-inf', now - 86400000)
local taken = 0
local LANES = { { 'live', '' }, { 'live', ':slow' }, { 'backlog', '' }, { 'backlog', ':slow' } }
for _, kind in ipairs(LANES) do
  local class, is_slow = kind[1], kind[2] ~= ''
  local lane = prefix .. ':' .. class .. kind[2]
  local most = is_slow and math.min(room - taken, slow) or room - taken
  local due = most > 0 and redis.call('ZRANGEBYSCORE', lane, '-inf', now, 'LIMIT', 0, most) or {}
  for _, host in ipairs(due) do
    local waiting = prefix .. ':waiting:' .. class .. ':' .. host
    -- What waits for no host is handed out as far as there is room.
    local wanted = host == '' and room - taken or 1
    for _, packed in ipairs(redis.call('LRANGE', waiting, 0, wanted - 1)) do
      if taken == 0 then redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM') end
      local message = cmsgpack.unpack(packed)
      redis.call('XADD', KEYS[1], '*', 'packed', message[1], 'attempts', message[2], 'since', message[3], 'lost', message[4],
        'failing', message[5], 'host', host, 'slow', is_slow and '1' or '0')
      redis.call('LPOP', waiting)
      redis.call('DECR', prefix .. ':count')
      taken = taken + 1
      if is_slow then slow = slow - 1 end
    end
    if redis.call('EXISTS', waiting) == 0 then redis.call('ZREM', lane, host) end
    queues.rest(host, now + ARGV[6], '')
    if taken >= room then break end
  end
end
local entries = {}
if taken > 0 then
  local read = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', taken, 'STREAMS', KEYS[1], '>')
  if read then entries = read[1][2] end
end
local next_at
for _, kind in ipairs(LANES) do
  -- A slow host waits for the next slot that slow hosts may have, not for a time.
  if kind[2] == '' or slow > 0 then
    local first = redis.call('ZRANGE', prefix .. ':' .. kind[1] .. kind[2], 0, 0, 'WITHSCORES')
    if first[2] and (not next_at or tonumber(first[2]) < next_at) then next_at = tonumber(first[2]) end
  end
end
return { entries, next_at and math.max(0, next_at - now) or -1 }
