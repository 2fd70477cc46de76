-- What a stream holds, and who reads it.
-- KEYS stream   Gives { entries, bytes, age in milliseconds of the oldest entry or "", groups }, a group being
-- { name, taken and not settled, age in milliseconds of its oldest unsettled entry or "", share of the stream it has not settled,
-- not taken }.
local COUNT_AT_MOST = 10000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return { 0, 0, '', {} } end
local function field(row, name)
  for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
end
local function age(id) return string.format('%.0f', now - tonumber(string.match(id, '^%d+'))) end
local length = redis.call('XLEN', KEYS[1])
local bytes = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', '100') or 0
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local function count(from)
  local counted = 0
  while counted < COUNT_AT_MOST do
    local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 500)
    counted = counted + #page
    if #page < 500 then break end
    from = '(' .. page[#page][1]
  end
  return counted
end
local readers = {}
for _, group in ipairs(groups) do
  local name, pending, oldest, share = field(group, 'name'), field(group, 'pending'), '', 0
  if pending > 0 then
    oldest = redis.call('XPENDING', KEYS[1], name)[2]
  else
    local unread = redis.call('XRANGE', KEYS[1], '(' .. field(group, 'last-delivered-id'), '+', 'COUNT', 1)[1]
    if unread then oldest = unread[1] end
  end
  if oldest ~= '' and first then
    local begin, finish = tonumber(string.match(first[1], '^%d+')), tonumber(string.match(last[1], '^%d+'))
    local mine = tonumber(string.match(oldest, '^%d+'))
    share = finish > begin and math.min(1, (finish - mine) / (finish - begin)) or 1
  end
  readers[#readers + 1] = { name, pending, oldest ~= '' and age(oldest) or '', string.format('%.3f', share),
    -- Redis 6.2 does not tell, and later ones do not know it after a deletion.
    field(group, 'lag') or count('(' .. field(group, 'last-delivered-id')) }
end
return { length, bytes, first and age(first[1]) or '', readers }
