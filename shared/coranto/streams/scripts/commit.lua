-- Settles messages: each takes effect only where XACK returns 1, so a worker that lost its claim changes nothing.
-- KEYS main, retry, next, delayed, delayed-entries, dead, outcomes, dropped, announced, receipt
-- ARGV group, stage, deduplicates ("1"/"0"), counts_next ("1"/"0"), token, is_repeat ("1"/"0"), then per message:
--   line ("m"/"r"), entry id, kind, and by kind
--   P event_id event          ("" "" when the stage publishes nothing)
--   D reason notice           (notice "" when none)
--   R reason delay_ms attempts since_ms event
--   X reason error traceback attempts event notice
-- Gives { per message 1 applied, 0 superseded, 2 repeated; entries in the next stream, 0 where nobody of ours reads it }.
local group, stage, token = ARGV[1], ARGV[2], ARGV[5]
local once, counts_next = ARGV[3] == '1', ARGV[4] == '1'
-- A commit whose answer was lost is sent again: what it did the first time is told from its receipt.
if ARGV[6] == '1' then
  local receipt = redis.call('HMGET', KEYS[10], 'token', 'effects')
  if receipt[1] == token then
    local effects = {}
    for flag in string.gmatch(receipt[2], '%d') do effects[#effects + 1] = tonumber(flag) end
    return { effects, 0 }
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts, applied = {}, {}
local function count(outcome, reason)
  local field = outcome .. '|' .. reason
  counts[field] = (counts[field] or 0) + 1
end
local WIDTH = { P = 2, D = 2, R = 5, X = 6 }
local i = 7
while i <= #ARGV do
  local line = i
  local stream = ARGV[line] == 'm' and KEYS[1] or KEYS[2]
  local id, kind = ARGV[i + 1], ARGV[i + 2]
  local a = i + 3
  i = a + WIDTH[kind]
  if redis.call('XACK', stream, group, id) == 1 then
    applied[#applied + 1] = 1
    -- The retry line is the stage's own: nobody else reads it, so a settled entry can go at once.
    if stream == KEYS[2] then redis.call('XDEL', stream, id) end
    if kind == 'P' then
      local event_id, event = ARGV[a], ARGV[a + 1]
      if event == '' then
        count('published', 'ok')
      elseif once and redis.call('ZADD', KEYS[9], 'NX', string.format('%.0f', now), event_id) == 0 then
        count('dropped', 'already_published')
        applied[#applied] = 2
      else
        redis.call('XADD', KEYS[3], '*', 'event', event)
        count('published', 'ok')
      end
    elseif kind == 'D' then
      if ARGV[a + 1] ~= '' then redis.call('XADD', KEYS[8], '*', 'event', ARGV[a + 1]) end
      count('dropped', ARGV[a])
    elseif kind == 'R' then
      -- Named by line and id: entries of two streams may well bear the same id, and one must not displace the other.
      local name = ARGV[line] .. ':' .. id
      redis.call('ZADD', KEYS[4], string.format('%.0f', now + ARGV[a + 1]), name)
      redis.call('HSET', KEYS[5], name, cmsgpack.pack({ ARGV[a + 4], ARGV[a + 2], ARGV[a + 3], ARGV[a] }))
      count('retried', ARGV[a])
    else
      redis.call('XADD', KEYS[6], '*', 'stage', stage, 'reason', ARGV[a], 'error', ARGV[a + 1],
        'traceback', ARGV[a + 2], 'attempts', ARGV[a + 3], 'event', ARGV[a + 4])
      if ARGV[a + 5] ~= '' then redis.call('XADD', KEYS[8], '*', 'event', ARGV[a + 5]) end
      count('dead', ARGV[a])
    end
  else
    applied[#applied + 1] = 0
  end
end
for field, n in pairs(counts) do redis.call('HINCRBY', KEYS[7], field, n) end
if token ~= '' then
  redis.call('HSET', KEYS[10], 'token', token, 'effects', table.concat(applied))
  redis.call('PEXPIRE', KEYS[10], 600000)
end
return { applied, counts_next and redis.call('XLEN', KEYS[3]) or 0 }
