-- Brings submissions from their hosts' queues to the stream, one of each host in turn, live before backlog but for a tenth,
-- as far as it has room.
-- KEYS submitted   ARGV prefix of the queues in front of the stream, reading group, most in the stream
-- Gives how many were brought. The queues are those of hosts.lua; hosts stand in their lane by the time of their last turn,
-- and in `oldest:CLASS` by the time when the first that waits for them was handed in.
local ONE_IN = 10  -- of what is brought is backlog, while live submissions never end; `owed` counts towards it from look to look
local prefix, most = ARGV[1], tonumber(ARGV[3])
if redis.call('EXISTS', prefix .. ':count') == 0 then return 0 end
local room = most - redis.call('XLEN', KEYS[1])
if room < most then room = most - not_taken(KEYS[1], ARGV[2], most - room) end
if room <= 0 then return 0 end
local time = redis.call('TIME')
local turn = time[1] * 1000 + math.floor(time[2] / 1000)

local function bring(class, wanted)
  local brought, lane = 0, prefix .. ':' .. class
  local hosts = wanted > 0 and redis.call('ZRANGE', lane, 0, wanted - 1) or {}
  while #hosts > 0 and brought < wanted do
    local waiting = {}
    for _, host in ipairs(hosts) do
      if brought >= wanted then break end
      local queue = prefix .. ':waiting:' .. class .. ':' .. host
      local packed, following = unpack(redis.call('LRANGE', queue, 0, 1))
      if packed then
        -- First, because it is what a full Redis may refuse.
        redis.call('XADD', KEYS[1], '*', 'event', cmsgpack.unpack(packed)[1])
        redis.call('LPOP', queue)
        redis.call('DECR', prefix .. ':count')
        brought = brought + 1
      end
      if not following then
        redis.call('ZREM', lane, host)
        redis.call('ZREM', prefix .. ':oldest:' .. class, host)
      else
        turn = turn + 0.001
        redis.call('ZADD', lane, string.format('%.3f', turn), host)
        redis.call('ZADD', prefix .. ':oldest:' .. class, cmsgpack.unpack(following)[3], host)
        waiting[#waiting + 1] = host
      end
    end
    hosts = waiting
  end
  return brought
end

local is_shared = redis.call('EXISTS', prefix .. ':backlog') == 1
local owed = is_shared and tonumber(redis.call('GET', prefix .. ':owed') or 0) or 0
local live = bring('live', is_shared and room - math.floor((owed + room) / ONE_IN) or room)
local backlog = bring('backlog', room - live)
-- Where the backlog has less than its share, the room is not left empty, and nothing is owed to it afterwards.
if is_shared then live = live + bring('live', room - live - backlog) end
if redis.call('GET', prefix .. ':count') == '0' then
  redis.call('DEL', prefix .. ':count', prefix .. ':owed', prefix .. ':oldest:live', prefix .. ':oldest:backlog')
elseif redis.call('EXISTS', prefix .. ':backlog') == 0 then
  redis.call('DEL', prefix .. ':owed')
elseif live + backlog > 0 then
  redis.call('SET', prefix .. ':owed', math.max(0, owed + live + backlog - ONE_IN * backlog))
end
return live + backlog
