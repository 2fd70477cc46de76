-- Accepts submissions: each id has one effect however often the call is repeated, and nothing is refused silently.
-- KEYS submitted, submissions   ARGV now_ms, forget_before_ms, high_water, then id, event per submission
-- Gives one number per submission: 1 accepted, 0 known already, -1 refused because too much is waiting.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[2])
local room = tonumber(ARGV[3]) - redis.call('XLEN', KEYS[1])
local answers = {}
for i = 4, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    answers[#answers + 1] = 0
  elseif room <= 0 then
    answers[#answers + 1] = -1
  else
    redis.call('ZADD', KEYS[2], ARGV[1], ARGV[i])
    redis.call('XADD', KEYS[1], '*', 'event', ARGV[i + 1])
    room = room - 1
    answers[#answers + 1] = 1
  end
end
return answers
