-- Settles messages: each takes effect only where XACK returns 1, so a worker that lost its claim changes nothing.
-- KEYS main, retry, next, delayed, delayed-entries, dead, outcomes, dropped, announced
-- ARGV group, stage, now_ms, announces_once ("1"/"0"), has_next ("1"/"0"), then per message:
--   line ("m"/"r"), entry id, kind, and by kind
--   P event_id event          ("" "" when the stage publishes nothing)
--   D reason notice           (notice "" when none)
--   R reason due_ms attempts since_ms event
--   X reason error traceback attempts event notice
local group, stage, now = ARGV[1], ARGV[2], ARGV[3]
local once, has_next = ARGV[4] == '1', ARGV[5] == '1'
local counts, applied = {}, {}
local function count(outcome, reason)
  local field = outcome .. '|' .. reason
  counts[field] = (counts[field] or 0) + 1
end
local WIDTH = { P = 2, D = 2, R = 5, X = 6 }
local i = 6
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
      elseif once and redis.call('ZADD', KEYS[9], 'NX', now, event_id) == 0 then
        count('dropped', 'already_announced')
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
      redis.call('ZADD', KEYS[4], ARGV[a + 1], name)
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
local length = 0
if has_next then length = redis.call('XLEN', KEYS[3]) end
return { applied, length }
