-- Ends a lease and says how long the host rests: the delay, twice the time it takes for a request, or what it asked for.
-- KEYS state
-- ARGV token, feedback, delay_ms, retry_after_ms (-1 when the host said nothing), first_pause_ms, max_pause_ms,
--   refusals_to_set_aside, set_aside_ms, max_set_aside_ms, keep_ms
-- Gives { milliseconds to the next request, smoothed time of a request, milliseconds since the host began to refuse or fail }.
local now = now_of(KEYS[1])
local feedback, delay, retry_after = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local first_pause, max_pause = tonumber(ARGV[5]), tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[1], 'token', 'started', 'fetch_time', 'pause', 'refusals', 'failing_since', 'next_at')
local fetch_time, failing_since = tonumber(state[3] or 0), tonumber(state[6] or now)
if state[1] ~= ARGV[1] then
  return { math.max(0, tonumber(state[7] or 0) - now), fetch_time, state[6] and now - failing_since or 0 }
end
if feedback == 'not_asked' then
  redis.call('HDEL', KEYS[1], 'token', 'lease_until', 'started')
  redis.call('HSET', KEYS[1], 'next_at', now, 'written_at', now)
  return { 0, fetch_time, state[6] and now - failing_since or 0 }
end
local took = now - tonumber(state[2] or now)
fetch_time = state[3] and math.floor(0.7 * fetch_time + 0.3 * took) or took
local pause, refusals = tonumber(state[4] or 0), tonumber(state[5] or 0)
local wait, set_aside = math.max(delay, 2 * fetch_time), 0
if feedback == 'fine' then
  pause, refusals = math.floor(pause / 2), 0
  if pause <= delay then pause = 0 end
  redis.call('HDEL', KEYS[1], 'failing_since', 'aside_until')
else
  refusals = refusals + 1
  -- A host that says how long it wants to be left alone need not be guessed at.
  if retry_after < 0 then pause = math.min(max_pause, math.max(first_pause, 2 * delay, 2 * pause)) end
  redis.call('HSET', KEYS[1], 'failing_since', failing_since)
  local beyond = refusals - tonumber(ARGV[7])
  if beyond >= 0 then set_aside = math.min(tonumber(ARGV[9]), ARGV[8] * 2 ^ math.min(beyond, 30)) end
end
if retry_after >= 0 then wait = math.max(wait, retry_after) else wait = math.max(wait, pause) end
wait = math.max(wait, set_aside)
redis.call('HDEL', KEYS[1], 'token', 'lease_until', 'started')
redis.call('HSET', KEYS[1], 'fetch_time', fetch_time, 'pause', pause, 'refusals', refusals, 'next_at', now + wait,
  'delay', delay, 'written_at', now)
if set_aside > 0 then redis.call('HSET', KEYS[1], 'aside_until', now + wait) end
redis.call('PEXPIRE', KEYS[1], ARGV[10] + wait)
return { wait, fetch_time, feedback == 'fine' and 0 or now - failing_since }
