-- Finds the story a text belongs to and enters the text into the index, in one step: of two copies that arrive at the
-- same time at two replicas, the second always finds the first.
--
-- KEYS[1]  prefix of every key, with the hash tag that keeps them on one node of a cluster
-- ARGV      1 record id               2 digest of the text        3 now (s)                  4 window (s)
--           5 shingles                6 numbers                   7 shingles of the lead     8 similarity threshold
--           9 shingles to index      10 longest posting list     11 candidates to compare   12 OWN_TEXT of fingerprint.py
--          13 LEAD_SHARED            14 agency the text names as its source, or ''          15 agency that published it, or ''
--          16 story it was published with; '' for a new text     17 time it was stored (s); now for a new text
--          Shingles are packed u32 in ascending order, numbers packed u16.
-- Returns  {cluster, of, similarity * 10000, share of new shingles * 10000, new numbers, shingles here, shingles of the
--          other, 1 when a text of the story names this one's publisher as its source}
--
-- Keys: "a:<number>" holds an article; "i:<id>" its digest, its number and the answer it got; "m:<cluster>" points from a
-- merged story to the older one. Posting lists are fields of "p:<epoch>:<bucket>" with packed article numbers: many small
-- fields in few hashes, which Redis stores compactly. An epoch is as long as the window, so two epochs hold everything
-- that can still be found, and a whole epoch expires at once.
local BUCKETS = 16384
local prefix = KEYS[1]
local id, digest = ARGV[1], ARGV[2]
local now, window = tonumber(ARGV[3]), tonumber(ARGV[4])
local shingles, numbers = ARGV[5], ARGV[6]
local lead, threshold = ARGV[7], tonumber(ARGV[8])
local indexed, longest, compared = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local own_text, lead_shared = tonumber(ARGV[12]), tonumber(ARGV[13])
local source, own_agency = ARGV[14], ARGV[15]
local published, at = ARGV[16], tonumber(ARGV[17])
local count = #shingles / 4
local epoch = math.floor(now / window)

local function root(cluster)
  for _ = 1, 20 do
    local parent = redis.call('GET', prefix .. 'm:' .. cluster)
    if not parent then return cluster end
    cluster = parent
  end
  return cluster
end

local function entry_of(name)
  local packed = redis.call('GET', prefix .. 'i:' .. name)
  return packed and cmsgpack.unpack(packed) or nil
end

local former = entry_of(id)
if former and former[1] == digest and published == '' then
  local answer = former[3]
  answer[1] = root(answer[1])
  return answer
end

local own, order = {}, {}
for index = 1, count do
  local shingle = string.sub(shingles, index * 4 - 3, index * 4)
  own[shingle] = true
  order[index] = shingle
end

-- True when the larger text is mostly its own and begins with that: it only carries the smaller one as background at its end.
local function is_background(other, shared, size)
  if shared >= own_text * math.max(count, size) then return false end
  local smaller, beginning = own, other[6]
  if count > size then
    smaller, beginning = {}, lead
    for position = 1, #other[2], 4 do smaller[string.sub(other[2], position, position + 3)] = true end
  end
  local leading = 0
  for position = 1, #beginning, 4 do
    if smaller[string.sub(beginning, position, position + 3)] then leading = leading + 1 end
  end
  return #beginning > 0 and leading < lead_shared * #beginning / 4
end

local hits = {}
for index = 1, count do
  local shingle = order[index]
  local bucket = struct.unpack('<I4', shingle) % BUCKETS
  for back = 0, 1 do
    local list = redis.call('HGET', prefix .. 'p:' .. (epoch - back) .. ':' .. bucket, shingle)
    -- A full list means a stock phrase, which says nothing about a story.
    if list and #list < longest * 4 then
      for position = 1, #list, 4 do
        local number = struct.unpack('<I4', list, position)
        hits[number] = (hits[number] or 0) + 1
      end
    end
  end
end
local candidates = {}
for number, tally in pairs(hits) do candidates[#candidates + 1] = {tally, number} end
table.sort(candidates, function(one, other)
  if one[1] ~= other[1] then return one[1] > other[1] end
  return one[2] < other[2]
end)

local own_numbers = {}
for position = 1, #numbers, 2 do own_numbers[#own_numbers + 1] = string.sub(numbers, position, position + 1) end

local closest, clusters, is_source = nil, {}, 0
for rank = 1, math.min(#candidates, compared) do
  local number = candidates[rank][2]
  local packed = redis.call('GET', prefix .. 'a:' .. number)
  -- id, shingles, numbers, cluster, time of arrival, shingles of the lead, source, own agency
  local other = packed and cmsgpack.unpack(packed)
  if other and other[1] ~= id and now - other[5] <= window then
    local shared, size = 0, #other[2] / 4
    for position = 1, #other[2], 4 do
      if own[string.sub(other[2], position, position + 3)] then shared = shared + 1 end
    end
    local similarity = shared / math.min(count, size)
    if similarity >= threshold and not is_background(other, shared, size) then
      clusters[#clusters + 1] = root(other[4])
      if own_agency ~= '' and other[7] == own_agency then is_source = 1 end
      -- A copy is compared with its source where that is known, otherwise with the most similar text.
      local rank_of = source ~= '' and other[8] == source and 1 or 0
      if not closest or rank_of > closest.rank or (rank_of == closest.rank and
        (similarity > closest.similarity or (similarity == closest.similarity and number < closest.number))) then
        local fresh = 0
        for _, own_number in ipairs(own_numbers) do
          local is_known = false
          for position = 1, #other[3], 2 do
            if string.sub(other[3], position, position + 1) == own_number then is_known = true break end
          end
          if not is_known then fresh = fresh + 1 end
        end
        closest = {rank = rank_of, similarity = similarity, number = number, id = other[1], fresh = fresh, size = size, new = 1 - shared / count}
      end
    end
  end
end

-- A story keeps the name it was published with. Where a text connects two stories, the older name wins; a name whose first
-- article is no longer in the index counts as older than all others.
local function since(name)
  local first = entry_of(name)
  local packed = first and redis.call('GET', prefix .. 'a:' .. first[2])
  return packed and cmsgpack.unpack(packed)[5] or 0, first and first[2] or 0
end

local cluster = id
if published ~= '' then
  clusters[#clusters + 1] = root(published)
  if former then clusters[#clusters + 1] = root(former[3][1]) end
end
if #clusters > 0 then
  local oldest, oldest_at, oldest_number = nil, nil, nil
  for _, name in ipairs(clusters) do
    local name_at, name_number = since(name)
    -- The story that a restored text was published with began with this text at the latest.
    if name == id then name_at, name_number = at, former and former[2] or 4294967295 end
    if not oldest or name_at < oldest_at or (name_at == oldest_at and
      (name_number < oldest_number or (name_number == oldest_number and name < oldest))) then
      oldest, oldest_at, oldest_number = name, name_at, name_number
    end
  end
  cluster = oldest
  for _, name in ipairs(clusters) do
    if name ~= cluster then redis.call('SET', prefix .. 'm:' .. name, cluster, 'EX', window * 2) end
  end
end

local number = former and former[2] or redis.call('INCR', prefix .. 'count') % 4294967296
local keep = window * 2
redis.call('SET', prefix .. 'a:' .. number, cmsgpack.pack({id, shingles, numbers, cluster, at, lead, source, own_agency}), 'EX', window + 60)
local packed = struct.pack('<I4', number)
for index = 1, math.min(count, indexed) do
  local shingle = order[index]
  local key = prefix .. 'p:' .. epoch .. ':' .. (struct.unpack('<I4', shingle) % BUCKETS)
  local list = redis.call('HGET', key, shingle) or ''
  if #list < longest * 4 and not (former and string.find(list, packed, 1, true)) then
    redis.call('HSET', key, shingle, list .. packed)
    if list == '' then redis.call('EXPIRE', key, keep) end
  end
end

local answer = {cluster, '', 0, 10000, 0, count, 0, 0}
if closest then
  answer = {
    cluster, closest.id, math.floor(closest.similarity * 10000 + 0.5), math.floor(closest.new * 10000 + 0.5), closest.fresh, count, closest.size,
    is_source,
  }
end
redis.call('SET', prefix .. 'i:' .. id, cmsgpack.pack({digest, number, answer}), 'EX', keep)
return answer
