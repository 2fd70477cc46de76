-- Gives the host's lease to one who asks, or says when to ask again.
-- KEYS state   ARGV token, holder, delay_ms, lease_ms, is_backlog ("1"/"0"), grace_ms, keep_ms
-- Gives { 1, 0, 0 } with the lease; { 0, wait_ms, 0 } when it is busy; { 2, wait_ms, failing_ms } when it is set aside.
local now = now_of(KEYS[1])
local token, holder, is_backlog = ARGV[1], ARGV[2], ARGV[5] == '1'
local delay, grace, keep = tonumber(ARGV[3]), tonumber(ARGV[6]), tonumber(ARGV[7])
local state = redis.call('HMGET', KEYS[1], 'token', 'lease_until', 'started', 'next_at', 'fetch_time', 'aside_until',
  'failing_since', 'next_holder', 'next_until', 'next_is_backlog', 'delay')
local lease_until, started, next_at = tonumber(state[2] or 0), tonumber(state[3] or now), tonumber(state[4] or 0)
local fetch_time, aside_until, failing_since = tonumber(state[5] or 0), tonumber(state[6] or 0), tonumber(state[7] or now)
-- redis-py asks again by itself when an answer was lost.
if state[1] == token and lease_until > now then return { 1, 0, 0 } end
-- Never given back: its holder was killed, and may have asked until it would have extended the lease again.
if state[1] and lease_until <= now then
  next_at = math.max(next_at, lease_until - 3 / 4 * ARGV[4] + math.max(delay, tonumber(state[11] or 0)))
end
if lease_until <= now and aside_until > now then return { 2, aside_until - now, now - failing_since } end

-- One who was told a time comes first, for a while beyond it; what is live passes what is not.
local is_promised = state[8] and state[8] ~= holder and tonumber(state[9] or 0) > now
  and (is_backlog or state[10] ~= '1')
if lease_until <= now and next_at <= now and not is_promised then
  redis.call('HSET', KEYS[1], 'token', token, 'lease_until', now + ARGV[4], 'started', now, 'next_at', now + fetch_time + delay,
    'written_at', now)
  if state[8] == holder then redis.call('HDEL', KEYS[1], 'next_holder', 'next_until', 'next_is_backlog') end
  redis.call('PEXPIRE', KEYS[1], keep + ARGV[4])
  return { 1, 0, 0 }
end

local at = math.max(now + 1, next_at)
if lease_until > now then
  -- A request that takes long will take longer: half of its age again, so that few ask in vain.
  at = math.max(at, now + math.max(math.min(delay, 1000), 50, math.ceil((now - started) / 2)))
end
if is_promised then
  at = math.max(at, now + 50) + delay + fetch_time
else
  redis.call('HSET', KEYS[1], 'next_holder', holder, 'next_until', at + grace, 'next_is_backlog', ARGV[5],
    'written_at', now)
end
redis.call('PEXPIRE', KEYS[1], keep + at - now)
return { 0, at - now, 0 }
