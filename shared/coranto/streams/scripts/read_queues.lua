-- A page of the hosts that something waits for, soonest first.
-- ARGV prefix of the queues, lane, due from (milliseconds or "-inf"), hosts to skip, most hosts   KEYS any of the partition
-- Gives { host, when it may be asked, messages waiting } for each.
local found = {}
local hosts = redis.call('ZRANGEBYSCORE', ARGV[1] .. ':' .. ARGV[2], ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', ARGV[4], ARGV[5])
local class = string.match(ARGV[2], '^[a-z]+')
for i = 1, #hosts, 2 do
  found[#found + 1] = { hosts[i], hosts[i + 1], redis.call('LLEN', ARGV[1] .. ':waiting:' .. class .. ':' .. hosts[i]) }
end
return found
