-- Accepts submissions: each id has one effect however often the call is repeated, and nothing is refused silently.
-- KEYS submitted, submissions, call
-- ARGV keep_ms, max_backlog, reading group, prefix of the queues by host, max_queued, max_queued_for_one, then id, event and host
--   (with its port; "" for none) per submission
-- Gives one number per submission: 1 accepted, 0 known already, -1 refused because too much is waiting, -2 because too much is
-- waiting for its host.
-- `call` names the call itself: repeated, because its answer was lost, it gives the same answer again.
local CALL_KEPT_MS = 120000  -- a client tries four times, up to 20 seconds each
local before = redis.call('GET', KEYS[3])
if before then return cmsgpack.unpack(before) end

-- Redis' own clock: the ids of the stream are made by it, and clients' clocks are anything.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.0f', now - ARGV[1]))

local function field(row, name)
  for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
end

-- How much the reading group has not taken. What other groups hold in the stream, or what is not trimmed yet, does not count.
local function waiting(length)
  local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
  if groups.err then return length end
  for _, group in ipairs(groups) do
    if field(group, 'name') == ARGV[3] then
      local lag = field(group, 'lag')
      if lag then return lag end
      -- Redis 6.2 does not tell: counted from both ends at once, so that the shorter part decides how long it takes. 50,000
      -- entries of each are enough for that; beyond them the whole length counts.
      local last = field(group, 'last-delivered-id')
      local taken, left, from, behind = 0, 0, '-', '(' .. last
      for _ = 1, 50 do
        local page = redis.call('XRANGE', KEYS[1], from, last, 'COUNT', 1000)
        taken = taken + #page
        if #page < 1000 then return length - taken end
        from = '(' .. page[#page][1]
        page = redis.call('XRANGE', KEYS[1], behind, '+', 'COUNT', 1000)
        left = left + #page
        if #page < 1000 then return left end
        behind = '(' .. page[#page][1]
      end
      return length
    end
  end
  return length
end

-- What one host may have waiting shrinks with the room that is left for all: a host with few is not refused for one with many.
local queued = tonumber(redis.call('GET', ARGV[4] .. ':count') or 0)
local most_for_one = math.min(tonumber(ARGV[6]), math.max(1, tonumber(ARGV[5]) - queued))
local waiting_for = {}
local function is_host_full(host)
  if queued == 0 or host == '' then return false end
  -- Queues bear the name of the registered domain, which is one of these; for an address it is the whole.
  local name = host
  while name do
    if not waiting_for[name] then
      waiting_for[name] = redis.call('LLEN', ARGV[4] .. ':waiting:live:' .. name)
        + redis.call('LLEN', ARGV[4] .. ':waiting:backlog:' .. name)
    end
    if waiting_for[name] >= most_for_one then return true end
    if string.find(name, ':', 1, true) then
      name = string.match(name, '^[^:]+')
    else
      name = string.match(name, '^[^.]*%.(.+)$')
    end
  end
  return false
end

local limit = tonumber(ARGV[2])
local room = limit - redis.call('XLEN', KEYS[1])
-- The length is never less than what waits, and costs nothing: it is looked into only where it would refuse something.
if room < (#ARGV - 6) / 3 then room = limit - waiting(limit - room) end
local answers = {}
for i = 7, #ARGV, 3 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    answers[#answers + 1] = 0
  elseif is_host_full(ARGV[i + 2]) then
    answers[#answers + 1] = -2
  elseif room <= 0 then
    answers[#answers + 1] = -1
  else
    -- In this order: what is refused must not be remembered as accepted.
    redis.call('XADD', KEYS[1], '*', 'event', ARGV[i + 1])
    redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[i])
    room = room - 1
    answers[#answers + 1] = 1
  end
end
redis.call('SET', KEYS[3], cmsgpack.pack(answers), 'PX', CALL_KEPT_MS)
return answers
