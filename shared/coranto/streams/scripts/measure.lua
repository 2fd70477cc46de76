-- How much of a group's work waits, at one moment.
-- KEYS stream   ARGV group   Gives { not taken, taken and not settled, milliseconds of the oldest unsettled entry or "" }.
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return { 0, 0, '' } end
local function field(row, name)
  for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
end
for _, group in ipairs(groups) do
  if field(group, 'name') == ARGV[1] then
    local last, pending = field(group, 'last-delivered-id'), field(group, 'pending')
    local waiting = field(group, 'lag')
    if not waiting then
      -- Redis 6.2 does not tell the lag, and 7 does not know it after a deletion. The entries up to the last one taken are
      -- few, because what is settled is trimmed: they are counted, the rest is length.
      local taken, from = 0, '-'
      while true do
        local page = redis.call('XRANGE', KEYS[1], from, last, 'COUNT', 1000)
        taken = taken + #page
        if #page < 1000 then break end
        from = '(' .. page[#page][1]
      end
      waiting = redis.call('XLEN', KEYS[1]) - taken
    end
    local oldest = ''
    if pending > 0 then
      oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
    elseif waiting > 0 then
      local first = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
      if first then oldest = first[1] end
    end
    return { waiting, pending, string.match(oldest, '^%d+') or '' }
  end
end
return { 0, 0, '' }
