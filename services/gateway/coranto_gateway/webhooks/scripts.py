"""What must be one step in Redis. All scripts take the same keys: webhooks, state, late, dead, log, lease, set aside.

Whoever has the lease is known by the webhook's generation as well, which grows with each change by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from coranto_gateway import definitions

ADD: Final = (
    definitions.ADD
    + """
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
return 'added'
"""
)

ACQUIRE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local owner = redis.call('GET', KEYS[6])
if owner and owner ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[6], ARGV[2], 'PX', ARGV[3])
return redis.call('HINCRBY', KEYS[2], 'generation', 1)
"""

_CHECK: Final = """
local function is_held()
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return false end
  if redis.call('HGET', KEYS[2], 'generation') ~= ARGV[4] then return false end
  redis.call('SET', KEYS[6], ARGV[2], 'PX', ARGV[3])
  return true
end
"""

COMMIT: Final = (
    _CHECK
    + """
if not is_held() then return 0 end
local change = cjson.decode(ARGV[5])
for name, value in pairs(change.set) do redis.call('HSET', KEYS[2], name, value) end
for _, name in ipairs(change.unset) do redis.call('HDEL', KEYS[2], name) end
for name, value in pairs(change.add) do
  -- One that was damaged a moment ago begins anew: what stands below must be written all the same.
  if type(redis.pcall('HINCRBY', KEYS[2], name, value)) == 'table' then redis.call('HSET', KEYS[2], name, value) end
end
for _, number in ipairs(change.not_late) do redis.call('HDEL', KEYS[3], number) end
for number, value in pairs(change.late) do redis.call('HSET', KEYS[3], number, value) end
for _, number in ipairs(change.not_dead) do redis.call('HDEL', KEYS[4], number) end
for number, value in pairs(change.dead) do redis.call('HSET', KEYS[4], number, value) end
for row, value in pairs(change.aside) do
  if redis.call('HEXISTS', KEYS[7], row) == 1 then redis.call('HSET', KEYS[7], row, value) end
end
for _, line in ipairs(change.log) do redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'line', line) end
return 1
"""
)

RELEASE: Final = """
if redis.call('GET', KEYS[6]) == ARGV[2] and redis.call('HGET', KEYS[2], 'generation') == ARGV[4] then
  redis.call('DEL', KEYS[6])
end
"""

# What is known of the receiver was said by another one, where the address is new.
EDIT: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] == 'moved' then
  redis.call('HDEL', KEYS[2], 'disabled', 'not_before', 'trouble_since', 'trouble', 'is_failing')
  redis.call('HINCRBY', KEYS[2], 'generation', 1)
end
return 1
"""

# Only as it was read: whoever delivers may have written it anew.
SET_ASIDE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local key, row = KEYS[tonumber(ARGV[2])], ARGV[3]
if ARGV[2] == '5' then
  if redis.call('XDEL', key, row) == 0 then return 0 end
else
  if redis.call('HGET', key, row) ~= ARGV[4] then return 0 end
  if ARGV[5] == '' then redis.call('HDEL', key, row) else redis.call('HSET', key, row, ARGV[5]) end
end
redis.call('HSET', KEYS[7], ARGV[6], ARGV[7])
return 1
"""

RESET: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return -1 end
local discarded = redis.call('HLEN', KEYS[7])
redis.call('DEL', KEYS[7])
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], 'rewind', ARGV[2])
  redis.call('HINCRBY', KEYS[2], 'generation', 1)
end
return discarded
"""

PAUSE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], 'is_paused', '1')
return 1
"""

# What waits because the receiver asked for it is tried at once: whoever resumes knows that it is back.
RESUME: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], 'is_paused', 'disabled', 'not_before')
redis.call('HINCRBY', KEYS[2], 'generation', 1)
return 1
"""

# What is late or dead behind the place comes by itself.
REWIND: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'generation', 1)
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], 'rewind', ARGV[3])
  return 1
end
redis.call('HDEL', KEYS[2], 'rewind')
redis.call('HSET', KEYS[2], 'cursor', ARGV[2])
for _, key in ipairs({KEYS[3], KEYS[4]}) do
  for _, number in ipairs(redis.call('HKEYS', key)) do
    if tonumber(number) > tonumber(ARGV[2]) then redis.call('HDEL', key, number) end
  end
end
return 1
"""

MOVE_DEAD: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return -1 end
local numbers = {unpack(ARGV, 3)}
if #numbers == 0 then numbers = redis.call('HKEYS', KEYS[4]) end
local moved = 0
for _, number in ipairs(numbers) do
  local packed = redis.call('HGET', KEYS[4], number)
  local is_read, dead = pcall(cjson.decode, packed or '')
  if packed and is_read and type(dead) == 'table' then
    redis.call('HDEL', KEYS[4], number)
    if ARGV[2] == 'redeliver' then
      redis.call('HSET', KEYS[3], number, cjson.encode(
        {number = dead.number, article = dead.article, revision = dead.revision, attempts = 0}))
    end
    moved = moved + 1
  end
end
if moved > 0 then redis.call('HINCRBY', KEYS[2], 'generation', 1) end
return moved
"""


ALL: Final[Mapping[str, str]] = {
    "add": ADD,
    "acquire": ACQUIRE,
    "commit": COMMIT,
    "release": RELEASE,
    "edit": EDIT,
    "set_aside": SET_ASIDE,
    "reset": RESET,
    "pause": PAUSE,
    "resume": RESUME,
    "rewind": REWIND,
    "move_dead": MOVE_DEAD,
}
"""By what they do."""
