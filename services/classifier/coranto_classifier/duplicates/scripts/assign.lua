-- Finds the story a text belongs to and enters the text into it, in one step: two copies that arrive at once at two
-- replicas are seen one after the other here, so the second finds the first.
--
-- KEYS[1]  prefix of every key, with the hash tag that keeps them on one node of a cluster
-- ARGV     id, digest, now (s), window (s), runs (packed u32, ascending), numbers (packed u16), runs of the lead
--          (packed u32), threshold, runs that are entered into the index, longest posting list, candidates compared, share of own text,
--          share of the lead, agency the text names as its source ('' for none), agency that published it ('' for none),
--          story it was announced in ('' for a text that is new), when it was stored (s; now for a text that is new)
-- Gives    {cluster, of, similarity * 10000, share of new runs * 10000, new numbers, runs here, runs there, 1 when a text of the
--          story names this one's publisher as its source}
--
-- "a:<number>" holds an article, "i:<id>" its number and the answer it got, "m:<cluster>" the older name of a story that
-- turned out to be another's. A posting is a field of "p:<epoch>:<bucket>" with packed article numbers: many small fields
-- in few hashes, which Redis keeps flat. An epoch is as long as the window, so two of them hold everything that may still
-- be asked for, and whole keys expire together.
local BUCKETS = 16384
local prefix = KEYS[1]
local id, digest = ARGV[1], ARGV[2]
local now, window = tonumber(ARGV[3]), tonumber(ARGV[4])
local runs, numbers = ARGV[5], ARGV[6]
local lead, threshold = ARGV[7], tonumber(ARGV[8])
local indexed, longest, compared = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local own_text, lead_shared = tonumber(ARGV[12]), tonumber(ARGV[13])
local source, own_agency = ARGV[14], ARGV[15]
local announced, at = ARGV[16], tonumber(ARGV[17])
local count = #runs / 4
local epoch = math.floor(now / window)

local function root(cluster)
  for _ = 1, 20 do
    local parent = redis.call('GET', prefix .. 'm:' .. cluster)
    if not parent then return cluster end
    cluster = parent
  end
  return cluster
end

local function card(name)
  local packed = redis.call('GET', prefix .. 'i:' .. name)
  return packed and cmsgpack.unpack(packed) or nil
end

local former = card(id)
if former and former[1] == digest and announced == '' then
  local answer = former[3]
  answer[1] = root(answer[1])
  return answer
end

local own, order = {}, {}
for index = 1, count do
  local run = string.sub(runs, index * 4 - 3, index * 4)
  own[run] = true
  order[index] = run
end

-- A text that has much of its own and begins with it only carries the other as background at its end.
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
  local run = order[index]
  local bucket = struct.unpack('<I4', run) % BUCKETS
  for back = 0, 1 do
    local list = redis.call('HGET', prefix .. 'p:' .. (epoch - back) .. ':' .. bucket, run)
    -- A full list is a phrase that everyone uses: it says nothing of one story.
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

local best, clusters, is_source = nil, {}, 0
for rank = 1, math.min(#candidates, compared) do
  local number = candidates[rank][2]
  local packed = redis.call('GET', prefix .. 'a:' .. number)
  -- id, runs, numbers, cluster, time of arrival, runs of the lead, source, own agency
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
      -- A copy is compared with its source where that is known, else with the text it is most like.
      local rank_of = source ~= '' and other[8] == source and 1 or 0
      if not best or rank_of > best.rank or (rank_of == best.rank and
        (similarity > best.similarity or (similarity == best.similarity and number < best.number))) then
        local fresh = 0
        for _, own_number in ipairs(own_numbers) do
          local is_known = false
          for position = 1, #other[3], 2 do
            if string.sub(other[3], position, position + 1) == own_number then is_known = true break end
          end
          if not is_known then fresh = fresh + 1 end
        end
        best = {rank = rank_of, similarity = similarity, number = number, id = other[1], fresh = fresh, size = size, new = 1 - shared / count}
      end
    end
  end
end

-- The story keeps the name it was announced by; where a text joins two stories, the older name stays. A name whose first
-- article is not here any more is older than all others.
local function since(name)
  local first = card(name)
  local packed = first and redis.call('GET', prefix .. 'a:' .. first[2])
  return packed and cmsgpack.unpack(packed)[5] or 0, first and first[2] or 0
end

local cluster = id
if announced ~= '' then
  clusters[#clusters + 1] = root(announced)
  if former then clusters[#clusters + 1] = root(former[3][1]) end
end
if #clusters > 0 then
  local oldest, oldest_at, oldest_number = nil, nil, nil
  for _, name in ipairs(clusters) do
    local name_at, name_number = since(name)
    -- The announced story of a text that is entered again began with this text at the latest.
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
redis.call('SET', prefix .. 'a:' .. number, cmsgpack.pack({id, runs, numbers, cluster, at, lead, source, own_agency}), 'EX', window + 60)
local packed = struct.pack('<I4', number)
for index = 1, math.min(count, indexed) do
  local run = order[index]
  local key = prefix .. 'p:' .. epoch .. ':' .. (struct.unpack('<I4', run) % BUCKETS)
  local list = redis.call('HGET', key, run) or ''
  if #list < longest * 4 and not (former and string.find(list, packed, 1, true)) then
    redis.call('HSET', key, run, list .. packed)
    if list == '' then redis.call('EXPIRE', key, keep) end
  end
end

local answer = {cluster, '', 0, 10000, 0, count, 0, 0}
if best then
  answer = {
    cluster, best.id, math.floor(best.similarity * 10000 + 0.5), math.floor(best.new * 10000 + 0.5), best.fresh, count, best.size,
    is_source,
  }
end
redis.call('SET', prefix .. 'i:' .. id, cmsgpack.pack({digest, number, answer}), 'EX', keep)
return answer
