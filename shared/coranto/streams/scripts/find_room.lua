-- How many submissions of these hosts would be accepted now.
-- KEYS submitted
-- ARGV max_backlog, reading group, prefix of the queues in front of the stream, most in the stream, prefix of the queues by host
--   behind it, max_queued, max_queued_for_one, then host ("" for any) and class per question   Gives { room, waiting } for each.
local limit, most_in_stream = tonumber(ARGV[1]), tonumber(ARGV[4])
local room = new_room(KEYS[1], ARGV[2], ARGV[3], limit, ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), most_in_stream, limit)
local answers = {}
for i = 8, #ARGV, 2 do
  local left, waiting = room.for_host(ARGV[i], ARGV[i + 1])
  answers[#answers + 1] = { math.max(0, left), waiting }
end
return answers
