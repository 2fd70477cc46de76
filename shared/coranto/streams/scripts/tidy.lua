-- Trims a stream behind what every group has acknowledged, and removes consumers that are gone.
-- KEYS stream, announced   ARGV keep_from_ms ("" when settled entries need not be kept), consumer_idle_ms,
-- drop_before_ms ("" when nothing unsettled may go: else a group that was abandoned does not hold the stream for ever)
-- Gives how many entries were trimmed.
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return 0 end
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
local boundary = nil
for _, group in ipairs(groups) do
  local name, first = field(group, 'name'), nil
  if field(group, 'pending') > 0 then
    first = redis.call('XPENDING', KEYS[1], name)[2]
  else
    local ms, seq = string.match(field(group, 'last-delivered-id'), '(%d+)-(%d+)')
    first = ms .. '-' .. string.format('%d', tonumber(seq) + 1)
  end
  if boundary == nil or less(first, boundary) then boundary = first end
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
    if field(consumer, 'pending') == 0 and field(consumer, 'idle') > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], name, field(consumer, 'name'))
    end
  end
end
if ARGV[1] ~= '' then
  local keep = ARGV[1] .. '-0'
  if boundary == nil or less(keep, boundary) then boundary = keep end
  if KEYS[2] then redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[1]) end
end
if ARGV[3] ~= '' and (boundary == nil or less(boundary, ARGV[3] .. '-0')) then boundary = ARGV[3] .. '-0' end
if boundary == nil then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', boundary)
