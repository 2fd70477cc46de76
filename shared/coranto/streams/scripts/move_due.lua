-- Moves delayed messages that are due to the stage's retry line. Any replica may run it at any time.
-- KEYS delayed, delayed-entries, retry   ARGV now_ms, limit   Gives how many were moved.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[2], id)
  if packed then
    local message = cmsgpack.unpack(packed)
    redis.call('XADD', KEYS[3], '*', 'event', message[1], 'attempts', message[2], 'since', message[3], 'reason', message[4])
    redis.call('HDEL', KEYS[2], id)
  end
  redis.call('ZREM', KEYS[1], id)
end
return #due
