-- How many entries of a stream its reading group has not taken: a function for the scripts that this text is put before. What
-- other groups hold in the stream, or what is not trimmed yet, does not count.
local function not_taken(stream, reader, length)
  local function field(row, name)
    for i = 1, #row, 2 do if row[i] == name then return row[i + 1] end end
  end
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return length end
  for _, group in ipairs(groups) do
    if field(group, 'name') == reader then
      local lag = field(group, 'lag')
      if lag then return lag end
      -- Redis 6.2 does not tell: counted from both ends at once, so that the shorter part decides how long it takes. 50,000
      -- entries of each are enough for that; beyond them the whole length counts.
      local last = field(group, 'last-delivered-id')
      local taken, left, from, behind = 0, 0, '-', '(' .. last
      for _ = 1, 50 do
        local page = redis.call('XRANGE', stream, from, last, 'COUNT', 1000)
        taken = taken + #page
        if #page < 1000 then return length - taken end
        from = '(' .. page[#page][1]
        page = redis.call('XRANGE', stream, behind, '+', 'COUNT', 1000)
        left = left + #page
        if #page < 1000 then return left end
        behind = '(' .. page[#page][1]
      end
      return length
    end
  end
  return length
end
