-- Trims a stream, and removes consumers that are gone. One call removes a bounded number of entries: call until it gives less.
-- KEYS stream, announced, outcomes
-- ARGV step, consumer_idle_ms, kind, and by kind
--   work  our groups...                              entries go once each of these has settled them; other groups do not count
--   kept  age_ms unread_age_ms entries bytes ("" where there is no such limit) announced ("1" when ids that were announced
--         are forgotten with the age) counted ("1" when what is trimmed is counted as an outcome); settled entries go after
--         the age, unread ones after the second, and the oldest of all go while there are more entries or bytes than may be
-- Gives how many entries were trimmed.
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return 0 end
local step, kind = tonumber(ARGV[1]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function field(row, name)
  for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
end
local function less(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  -- Lua numbers are doubles: milliseconds and sequence numbers both fit 2^53.
  if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
  return tonumber(a_seq) < tonumber(b_seq)
end
local function after(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end
local function before(span) return string.format('%.0f', math.max(0, now - tonumber(span))) .. '-0' end
local counts = {}
for i = 4, #ARGV do counts[ARGV[i]] = true end
local boundary, is_known = nil, false
for _, group in ipairs(groups) do
  local name = field(group, 'name')
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
    if field(consumer, 'pending') == 0 and field(consumer, 'idle') > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], name, field(consumer, 'name'))
    end
  end
  if kind == 'kept' or counts[name] then
    is_known = true
    local first
    if field(group, 'pending') > 0 then
      first = redis.call('XPENDING', KEYS[1], name)[2]
    else
      first = after(field(group, 'last-delivered-id'))
    end
    if boundary == nil or less(first, boundary) then boundary = first end
  end
end
-- What a group still holds of entries that are gone takes memory for good: nobody can ever be given it.
local function forget_gone()
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  for _, group in ipairs(groups) do
    local name = field(group, 'name')
    local gone = redis.call('XPENDING', KEYS[1], name, '-', first and '(' .. first[1] or '+', 5 * step)
    for _, entry in ipairs(gone) do redis.call('XACK', KEYS[1], name, entry[1]) end
  end
end
if kind == 'kept' then forget_gone() end
local length, beyond = redis.call('XLEN', KEYS[1]), 0
if kind == 'kept' then
  local keep = before(ARGV[4])
  if boundary == nil or less(keep, boundary) then boundary = keep end
  if less(boundary, before(ARGV[5])) then boundary = before(ARGV[5]) end
  if ARGV[8] == '1' then redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.match(keep, '^%d+')) end
  if ARGV[6] ~= '' then beyond = length - tonumber(ARGV[6]) end
  if ARGV[7] ~= '' and length > 0 then
    local bytes = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', '100') or 0
    beyond = math.max(beyond, math.ceil(length * (1 - tonumber(ARGV[7]) / math.max(1, bytes))))
  end
elseif not is_known then
  return 0
end
-- One unbounded XTRIM of a million entries would hold Redis for a second.
local some = redis.call('XRANGE', KEYS[1], '-', '(' .. boundary, 'COUNT', step)
if #some < math.min(beyond, step) then some = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(beyond, step)) end
if #some == 0 then return 0 end
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', '=', after(some[#some][1]))
if kind == 'kept' and ARGV[9] == '1' then redis.call('HINCRBY', KEYS[3], 'expired|retention', trimmed) end
return trimmed
