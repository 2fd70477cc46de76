-- Accepts submissions: each id has one effect however often the call is repeated, and nothing is refused silently. What the
-- stream has room for goes there at once, the rest into a queue for each host, from which take_turns.lua brings it. How much may wait
-- is for room.lua to say.
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
local room = new_room(KEYS[1], ARGV[3], turns, limit, queues, tonumber(ARGV[7]), tonumber(ARGV[8]), most_in_stream, calls)

local function accept(event, host, class)
  local queue = turns .. ':waiting:' .. class .. ':' .. host
  if room.in_stream < most_in_stream and (room.in_turns == 0 or redis.call('EXISTS', queue) == 0) then
    redis.call('XADD', KEYS[1], '*', 'event', event)
    room.in_stream = room.in_stream + 1
    return
  end
  -- As commit.lua lays out what waits for a host.
  redis.call('RPUSH', queue, cmsgpack.pack({ event, '0', string.format('%.0f', now), '0', '0', '' }))
  redis.call('ZADD', turns .. ':' .. class, 'NX', now, host)
  redis.call('ZADD', turns .. ':oldest:' .. class, 'NX', now, host)
  redis.call('INCR', turns .. ':count')
  room.in_turns = room.in_turns + 1
end

local answers = {}
for i = FIRST, #ARGV, WIDTH do
  local accepted_at = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if accepted_at and tonumber(accepted_at) >= forgotten_before then
    answers[#answers + 1] = 0
  elseif room.for_all() <= 0 then
    answers[#answers + 1] = -1
  elseif room.for_host(ARGV[i + 2], ARGV[i + 3]) <= 0 then
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
