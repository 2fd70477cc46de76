-- Sends a dead letter back to its stage with fresh attempts, once.
-- KEYS dead, retry, outcomes   ARGV id, event ("" keeps the letter's own)   Gives 1, or 0 when the letter is gone.
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if not found[1] then return 0 end
local event = ARGV[2]
if event == '' then
  local fields = found[1][2]
  for i = 1, #fields, 2 do if fields[i] == 'event' then event = fields[i + 1] end end
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('XADD', KEYS[2], '*', 'event', event, 'attempts', '0', 'since', now, 'reason', 'redelivered')
-- Last: what is refused must not cost the letter.
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[3], 'redelivered|ok', 1)
return 1
