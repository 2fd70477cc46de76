-- Accepts submissions: each id has one effect however often the call is repeated, and nothing is refused silently. What the
-- stream has room for goes there at once, the rest into a queue for each host, from which take_turns.lua brings it.
-- KEYS submitted, submissions, call
-- ARGV keep_ms, max_backlog, reading group, prefix of the queues in front of the stream, most in the stream, prefix of the queues by
--   host behind it, max_queued, max_queued_for_one, then id, event, host (with its port; "" for none) and class ("live", "backlog")
--   per submission
-- Gives one number per submission: 1 accepted, 0 known already, -1 refused because too much is waiting, -2 because too much is
-- waiting for its host.
-- `call` names the call itself: repeated, because its answer was lost, it gives the same answer again.
local CALL_KEPT_MS = 120000  -- a client tries four times, up to 20 seconds each
local FIRST, WIDTH = 9, 4
local before = redis.call('GET', KEYS[3])
if before then return cmsgpack.unpack(before) end

-- Redis' own clock: the ids of the stream are made by it, and clients' clocks are anything.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local forgotten_before = now - ARGV[1]

local turns, queues = ARGV[4], ARGV[6]
local limit, most_in_stream = tonumber(ARGV[2]), tonumber(ARGV[5])
local calls = (#ARGV - FIRST + 1) / WIDTH
local in_turns = tonumber(redis.call('GET', turns .. ':count') or 0)
local in_stream = redis.call('XLEN', KEYS[1])
-- The length is never less than what waits, and costs nothing: it is looked into only where it would make a difference.
if in_stream + calls > math.min(most_in_stream, limit - in_turns) then in_stream = not_taken(KEYS[1], ARGV[3], in_stream) end

-- Live submissions are refused for what is live only: what a host has of old pages does not keep its news out.
local function waiting(prefix, class, host)
  local live = redis.call('LLEN', prefix .. ':waiting:live:' .. host)
  return class == 'live' and live or live + redis.call('LLEN', prefix .. ':waiting:backlog:' .. host)
end

-- What one host may have waiting shrinks with the room that is left for all: a host with few is not refused for one with many.
local queued = tonumber(redis.call('GET', queues .. ':count') or 0)
local most_for_one = math.min(tonumber(ARGV[8]), math.max(1, tonumber(ARGV[7]) - queued))
local waiting_for = {}
local function is_host_full(host, class)
  if host == '' then return false end
  if in_turns > 0 and waiting(turns, class, host) >= math.max(1, limit - in_turns - in_stream) then return true end
  if queued == 0 then return false end
  -- Queues bear the name of the registered domain, which is one of these; for an address it is the whole.
  local name = host
  while name do
    local key = class .. ':' .. name
    if not waiting_for[key] then waiting_for[key] = waiting(queues, class, name) end
    if waiting_for[key] >= most_for_one then return true end
    if string.find(name, ':', 1, true) then
      name = string.match(name, '^[^:]+')
    else
      name = string.match(name, '^[^.]*%.(.+)$')
    end
  end
  return false
end

local function accept(event, host, class)
  local queue = turns .. ':waiting:' .. class .. ':' .. host
  if in_stream < most_in_stream and (in_turns == 0 or redis.call('EXISTS', queue) == 0) then
    redis.call('XADD', KEYS[1], '*', 'event', event)
    in_stream = in_stream + 1
    return
  end
  -- As commit.lua lays out what waits for a host.
  redis.call('RPUSH', queue, cmsgpack.pack({ event, '0', string.format('%.0f', now), '0', '0', '' }))
  redis.call('ZADD', turns .. ':' .. class, 'NX', now, host)
  redis.call('ZADD', turns .. ':oldest:' .. class, 'NX', now, host)
  redis.call('INCR', turns .. ':count')
  in_turns = in_turns + 1
end

local answers = {}
for i = FIRST, #ARGV, WIDTH do
  local accepted_at = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if accepted_at and tonumber(accepted_at) >= forgotten_before then
    answers[#answers + 1] = 0
  elseif in_stream + in_turns >= limit then
    answers[#answers + 1] = -1
  elseif is_host_full(ARGV[i + 2], ARGV[i + 3]) then
    answers[#answers + 1] = -2
  else
    -- In this order: what is refused must not be remembered as accepted.
    accept(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[i])
    answers[#answers + 1] = 1
  end
end
-- Last: a full Redis refuses the first write of a script or none, and forgetting it never refuses.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.0f', forgotten_before))
redis.call('SET', KEYS[3], cmsgpack.pack(answers), 'PX', CALL_KEPT_MS)
return answers
