-- Queues of a stage by host: functions for the scripts that this text is put before, see `coranto.streams.host_queues`.
-- Under the prefix given: `waiting:CLASS:HOST` lists with the messages of each host, CLASS being live or backlog; `CLASS` and
-- `CLASS:slow`, hosts that something waits for, by the time they may be asked; `rests`, that time for hosts that were asked
-- lately; `slow`, hosts that take long; `count`, messages in all queues. All are in the slot of the partition.
local function new_queues(prefix, now)
  local queues = {}
  local function lane(class, host)
    if redis.call('ZSCORE', prefix .. ':slow', host) then return prefix .. ':' .. class .. ':slow' end
    return prefix .. ':' .. class
  end
  local function text(at) return string.format('%.0f', at) end
  -- The host may be asked at `at`; `is_slow` is '1', '0' or, when that is not known, ''.
  function queues.rest(host, at, is_slow)
    if host == '' then return end
    local was_slow = redis.call('ZSCORE', prefix .. ':slow', host) and '1' or '0'
    for _, class in ipairs({ 'live', 'backlog' }) do
      if is_slow == '' or is_slow == was_slow then
        redis.call('ZADD', lane(class, host), 'XX', text(at), host)
      elseif redis.call('ZREM', lane(class, host), host) == 1 then
        redis.call('ZADD', prefix .. ':' .. class .. (is_slow == '1' and ':slow' or ''), text(at), host)
      end
    end
    if is_slow == '1' then redis.call('ZADD', prefix .. ':slow', text(now), host) end
    if is_slow == '0' and was_slow == '1' then redis.call('ZREM', prefix .. ':slow', host) end
    redis.call('ZADD', prefix .. ':rests', text(at), host)
  end
  function queues.add(host, class, is_front, message)
    -- First, because it is what a full Redis may refuse.
    redis.call(is_front and 'LPUSH' or 'RPUSH', prefix .. ':waiting:' .. class .. ':' .. host, message)
    local at = math.max(now, tonumber(redis.call('ZSCORE', prefix .. ':rests', host) or 0))
    redis.call('ZADD', lane(class, host), 'NX', text(at), host)
    redis.call('INCR', prefix .. ':count')
  end
  return queues
end
