-- Age in milliseconds of what has waited longest for its host's turn, or "" where nothing waits.
-- KEYS any of the partition   ARGV prefix of the queues in front of the stream
local oldest
for _, class in ipairs({ 'live', 'backlog' }) do
  local at = tonumber(redis.call('ZRANGE', ARGV[1] .. ':oldest:' .. class, 0, 0, 'WITHSCORES')[2])
  if at and (not oldest or at < oldest) then oldest = at end
end
if not oldest then return '' end
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - oldest)
