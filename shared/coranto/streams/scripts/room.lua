-- How much more may be handed in, for all and for one host: functions for the scripts that this text is put before, behind
-- not_taken.lua. `expected` is how much is about to be handed in. What is accepted is added to `in_stream` and `in_turns`.
local function new_room(stream, reader, turns, limit, queues, max_queued, max_queued_for_one, most_in_stream, expected)
  local room = { in_turns = tonumber(redis.call('GET', turns .. ':count') or 0), in_stream = redis.call('XLEN', stream) }
  -- The length is never less than what waits, and costs nothing: it is looked into only where it would make a difference.
  if room.in_stream + expected > math.min(most_in_stream, limit - room.in_turns) then
    room.in_stream = not_taken(stream, reader, room.in_stream)
  end
  -- What one host may have waiting shrinks with the room that is left for all: a host with few is not refused for one with many.
  local queued = tonumber(redis.call('GET', queues .. ':count') or 0)
  local most_for_one = math.min(max_queued_for_one, math.max(1, max_queued - queued))
  local known = {}

  -- Live submissions are refused for what is live only: what a host has of old pages does not keep its news out.
  local function waiting(prefix, class, host)
    local live = redis.call('LLEN', prefix .. ':waiting:live:' .. host)
    return class == 'live' and live or live + redis.call('LLEN', prefix .. ':waiting:backlog:' .. host)
  end

  -- Most that waits for the host behind the stream. Queues there bear the name of the registered domain, which is one of these;
  -- for an address it is the whole.
  local function behind_stream(host, class)
    local most, name = 0, queued > 0 and host or nil
    while name do
      local key = class .. ':' .. name
      if not known[key] then known[key] = waiting(queues, class, name) end
      most = math.max(most, known[key])
      if string.find(name, ':', 1, true) then
        name = string.match(name, '^[^:]+')
      else
        name = string.match(name, '^[^.]*%.(.+)$')
      end
    end
    return most
  end

  function room.for_all() return limit - room.in_turns - room.in_stream end
  -- Submissions of the host that would be accepted if nothing else came, and how many wait already.
  function room.for_host(host, class)
    if host == '' then return room.for_all(), room.in_stream + room.in_turns end
    local in_turns = room.in_turns > 0 and waiting(turns, class, host) or 0
    local behind = behind_stream(host, class)
    local left = math.min(room.for_all(), most_for_one - behind)
    -- One host may fill half of what is left in front of the stream, and one place always.
    if room.in_turns > 0 then left = math.min(left, math.ceil((math.max(1, room.for_all()) - in_turns) / 2)) end
    return left, in_turns + behind
  end
  return room
end
