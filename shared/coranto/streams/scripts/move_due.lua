-- Moves delayed messages that are due to the stage's retry line. Any replica may run it at any time.
-- KEYS delayed, delayed-entries, retry   ARGV limit   Gives how many were moved.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[2], id)
  if packed then
    -- One that cannot be read, as after a change by hand, must not hold up all that are due behind it: it comes back as it
    -- is, and ends as a dead letter.
    local is_read, message = pcall(cmsgpack.unpack, packed)
    if not is_read or type(message) ~= 'table' then message = { packed } end
    redis.call('XADD', KEYS[3], '*', 'event', message[1] or packed, 'attempts', message[2] or '0', 'since', message[3] or now,
      'reason', message[4] or '', 'lost', message[5] or '0', 'failing', message[6] or '0')
    redis.call('HDEL', KEYS[2], id)
  end
  redis.call('ZREM', KEYS[1], id)
end
return #due
