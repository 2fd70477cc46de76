-- Announces events for which no message is pending, each once: one that was announced before changes nothing.
-- KEYS stream, announced   ARGV event id, event; per event
-- Gives per event 1 announced now, 0 announced before.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local answers = {}
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    answers[#answers + 1] = 0
  else
    local entry = redis.call('XADD', KEYS[1], '*', 'event', ARGV[i + 1])
    local noted = redis.pcall('ZADD', KEYS[2], now, ARGV[i])
    if type(noted) == 'table' and noted.err then
      -- Announced without a note it would be announced again.
      redis.call('XDEL', KEYS[1], entry)
      return noted
    end
    answers[#answers + 1] = 1
  end
end
return answers
