-- Settles messages: each takes effect only while it is pending, so a worker that lost its claim changes nothing.
-- KEYS main, retry, next, delayed, delayed-entries, dead, outcomes, dropped, announced, receipt, claimed
-- ARGV group, stage, deduplicates ("1"/"0"), counts_next ("1"/"0"), token, prefix of the queues by host,
--   then per message:
--   line ("m"/"r"/"h"), entry id, kind, and by kind
--   P event_id event          ("" "" when the stage publishes nothing)
--   A reason notice           (notice "" when none)
--   D reason notice forgets   (notice "" when none; forgets: a key that goes with the message, "" for none)
--   R reason delay_ms attempts since_ms lost failing_since_ms event
--   Q reason delay_ms attempts since_ms lost failing_since_ms event(packed) host class ("live"/"backlog") is_front ("1"/"0"):
--     waits in the queue of its host, which rests for the delay
--   X reason error traceback attempts event notice forgets
--   H host rest_ms is_slow ("1"/"0"/""), in place of line, id and kind: when the host of the next message may be asked again
-- Gives { per message 1 applied, 0 superseded, 2 repeated, 3 refused, which stays pending; entries in the next stream, 0 where nobody of ours reads it }.
local group, stage, token = ARGV[1], ARGV[2], ARGV[5]
local once, counts_next = ARGV[3] == '1', ARGV[4] == '1'
-- A commit whose answer was lost is sent again, by its caller or by redis-py itself: what it did the first time is told from
-- its receipt.
if token ~= '' then
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
local queues = ARGV[6] ~= '' and new_queues(ARGV[6], now)
local WIDTH = { P = 2, A = 2, D = 3, R = 7, Q = 10, X = 7 }
-- Each gives its outcome, its reason and its flag, or raises what Redis raised. Redis takes nothing back that a script has
-- written, so what may be refused is written before anything is noted or acknowledged.
local effects = {}
function effects.P(line, id, a)
  local event_id, event = ARGV[a], ARGV[a + 1]
  if event ~= '' then
    if once and redis.call('ZSCORE', KEYS[9], event_id) then return 'dropped', 'already_published', 2 end
    local entry = redis.call('XADD', KEYS[3], '*', 'event', event)
    if once then
      local noted = redis.pcall('ZADD', KEYS[9], string.format('%.0f', now), event_id)
      if type(noted) == 'table' and noted.err then
        redis.call('XDEL', KEYS[3], entry)
        error(noted.err)
      end
    end
  end
  return 'published', 'ok', 1
end
function effects.A(line, id, a)
  if ARGV[a + 1] ~= '' then redis.call('XADD', KEYS[8], '*', 'event', ARGV[a + 1]) end
  return 'accepted', ARGV[a], 1
end
function effects.D(line, id, a)
  if ARGV[a + 1] ~= '' then redis.call('XADD', KEYS[8], '*', 'event', ARGV[a + 1]) end
  if ARGV[a + 2] ~= '' then redis.call('DEL', ARGV[a + 2]) end
  return 'dropped', ARGV[a], 1
end
function effects.R(line, id, a)
  -- Named by line and id: entries of two streams may well bear the same id, and one must not displace the other.
  local name = line .. ':' .. id
  redis.call('HSET', KEYS[5], name, cmsgpack.pack({ ARGV[a + 6], ARGV[a + 2], ARGV[a + 3], ARGV[a], ARGV[a + 4], ARGV[a + 5] }))
  redis.call('ZADD', KEYS[4], string.format('%.0f', now + ARGV[a + 1]), name)
  return 'retried', ARGV[a], 1
end
function effects.Q(line, id, a)
  local host, delay = ARGV[a + 7], tonumber(ARGV[a + 1])
  queues.add(host, ARGV[a + 8], ARGV[a + 9] == '1',
    cmsgpack.pack({ ARGV[a + 6], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5], ARGV[a] }))
  return 'retried', ARGV[a], 1
end
function effects.X(line, id, a)
  redis.call('XADD', KEYS[6], '*', 'stage', stage, 'reason', ARGV[a], 'error', ARGV[a + 1],
    'traceback', ARGV[a + 2], 'attempts', ARGV[a + 3], 'event', ARGV[a + 4])
  if ARGV[a + 5] ~= '' then redis.pcall('XADD', KEYS[8], '*', 'event', ARGV[a + 5]) end
  if ARGV[a + 6] ~= '' then redis.call('DEL', ARGV[a + 6]) end
  return 'dead', ARGV[a], 1
end
-- What is pending of a line, asked once for the span of the commit's ids: one call for each message costs a fifth of a commit.
local function less(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
  return tonumber(a_seq) < tonumber(b_seq)
end
local STREAMS = { m = KEYS[1], r = KEYS[2], h = KEYS[11] }
local span = {}
local i = 7
while i <= #ARGV do
  if ARGV[i] == 'H' then i = i + 4 end
  local line, id = ARGV[i], ARGV[i + 1]
  local seen = span[line]
  if not seen then
    span[line] = { first = id, last = id, count = 1 }
  else
    seen.count = seen.count + 1
    if less(id, seen.first) then seen.first = id end
    if less(seen.last, id) then seen.last = id end
  end
  i = i + 3 + WIDTH[ARGV[i + 2]]
end
local pending = {}
for line, seen in pairs(span) do
  local stream, most = STREAMS[line], seen.count * 4 + 16
  local found = redis.pcall('XPENDING', stream, group, seen.first, seen.last, most)
  if not found.err and #found < most then
    pending[line] = {}
    for _, row in ipairs(found) do pending[line][row[1]] = true end
  end
end
local function is_pending(line, stream, id)
  if pending[line] then return pending[line][id] end
  local held = redis.pcall('XPENDING', stream, group, id, id, 1)
  return not held.err and held[1] ~= nil
end
i = 7
while i <= #ARGV do
  local host, rest_ms, is_slow
  if ARGV[i] == 'H' then
    host, rest_ms, is_slow = ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
    i = i + 4
  end
  local line, id, kind, a = ARGV[i], ARGV[i + 1], ARGV[i + 2], i + 3
  local stream = STREAMS[line]
  i = a + WIDTH[kind]
  if not is_pending(line, stream, id) then
    applied[#applied + 1] = 0
  else
    local is_done, outcome, reason, flag = pcall(effects[kind], line, id, a)
    if is_done then
      redis.call('XACK', stream, group, id)
      if pending[line] then pending[line][id] = nil end  -- the same message twice in one commit has one effect
      -- The other lines are the stage's own: nobody else reads them, so a settled entry can go at once.
      if stream ~= KEYS[1] then redis.call('XDEL', stream, id) end
      if host then queues.rest(host, now + rest_ms, is_slow) end
      if kind == 'Q' and tonumber(ARGV[a + 1]) > 0 then queues.rest(ARGV[a + 7], now + ARGV[a + 1], '') end
      count(outcome, reason)
      applied[#applied + 1] = flag
    else
      -- A server that cannot write at the moment says so at the first write: then nothing has been done, and it is tried again.
      local text = type(outcome) == 'table' and outcome.err or tostring(outcome)
      for _, state in ipairs({ 'OOM ', 'MISCONF ', 'READONLY ', 'NOREPLICAS ' }) do
        local start = string.find(text, state, 1, true)
        if start then return redis.error_reply(string.sub(text, start)) end
      end
      applied[#applied + 1] = 3
    end
  end
end
for field, n in pairs(counts) do redis.pcall('HINCRBY', KEYS[7], field, n) end
if token ~= '' then
  redis.pcall('HSET', KEYS[10], 'token', token, 'effects', table.concat(applied))
  redis.pcall('PEXPIRE', KEYS[10], 600000)
end
local length = counts_next and redis.pcall('XLEN', KEYS[3]) or 0
return { applied, type(length) == 'number' and length or 0 }
