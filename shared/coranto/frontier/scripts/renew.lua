-- Extends a lease: for one more request, which begins now, or for the one that is under way.
-- KEYS state   ARGV token, lease_ms, keep_ms, is_new_request ("1"/"0")   Gives 1, or 0 when somebody else may have the host by now.
local now = now_of(KEYS[1])
local state = redis.call('HMGET', KEYS[1], 'token', 'lease_until')
if state[1] ~= ARGV[1] or tonumber(state[2] or 0) <= now then return 0 end
redis.call('HSET', KEYS[1], 'lease_until', now + ARGV[2], 'written_at', now)
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'started', now) end
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[2])
return 1
