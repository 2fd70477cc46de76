-- How much of a group's work waits, at one moment.
-- KEYS stream   ARGV group, count_at_most
-- Gives { not taken, taken and not settled, age in milliseconds of the oldest unsettled entry or "" }.
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return { 0, 0, '' } end
local function field(row, name)
  for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
end
local most = tonumber(ARGV[2])
local function count(from, to)
  local counted = 0
  while counted < most do
    local page = redis.call('XRANGE', KEYS[1], from, to, 'COUNT', math.min(500, most - counted))
    counted = counted + #page
    if #page < 500 then break end
    from = '(' .. page[#page][1]
  end
  return counted
end
for _, group in ipairs(groups) do
  if field(group, 'name') == ARGV[1] then
    local last, pending = field(group, 'last-delivered-id'), field(group, 'pending')
    local waiting = field(group, 'lag')
    if not waiting then
      -- Redis 6.2 does not tell the lag, and 7 does not know it after a deletion. Of a stream that is trimmed behind its
      -- readers few entries are left before the last one taken: the rest is length. Of a stream that is kept there may be
      -- millions, which Redis must not walk through every two seconds: there the entries ahead are counted, up to a limit.
      local taken = count('-', last)
      if taken < most then waiting = redis.call('XLEN', KEYS[1]) - taken else waiting = count('(' .. last, '+') end
    end
    local oldest = ''
    if pending > 0 then
      oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
    elseif waiting > 0 then
      local first = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
      if first then oldest = first[1] end
    end
    if oldest == '' then return { waiting, pending, '' } end
    local time = redis.call('TIME')
    local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(string.match(oldest, '^%d+'))
    return { waiting, pending, string.format('%.0f', age) }
  end
end
return { 0, 0, '' }
