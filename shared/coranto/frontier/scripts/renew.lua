-- Extends a lease for one more request, which begins now.
-- KEYS state   ARGV token, lease_ms, keep_ms   Gives 1, or 0 when somebody else may have the host by now.
local now = now_of(KEYS[1])
local state = redis.call('HMGET', KEYS[1], 'token', 'lease_until')
if state[1] ~= ARGV[1] or tonumber(state[2] or 0) <= now then return 0 end
redis.call('HSET', KEYS[1], 'lease_until', now + ARGV[2], 'started', now, 'written_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[2])
return 1
