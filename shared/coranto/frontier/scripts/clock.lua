-- The time by which a host's state is judged: a function for the scripts that this text is put before.
-- Times in the state are those of this server's clock. When that is set back, or a replica whose clock is behind takes over, they
-- go back with it: a host must not rest, or be held by a lease, for as long as the clock was wrong.
local function now_of(state)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local ahead = tonumber(redis.call('HGET', state, 'written_at') or 0) - now
  if ahead > 1000 then
    for _, field in ipairs({ 'lease_until', 'started', 'next_at', 'aside_until', 'failing_since', 'next_until', 'written_at' }) do
      if redis.call('HEXISTS', state, field) == 1 then
        redis.call('HINCRBY', state, field, string.format('%.0f', -ahead))
      end
    end
  end
  return now
end
