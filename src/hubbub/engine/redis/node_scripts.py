"""What runs inside Redis for nodes and applications as a whole: beats, roles, rooms, purses, claims.

For Redis 6 and later, and Valkey. All keys of a script are passed to it, and share a hash tag.
"""

from typing import Final

from hubbub.engine.redis.link import Script

# Shares

DRAW: Final = Script("""
-- A second of a purse is a key's time to live.
-- KEYS: purse    ARGV: least, most, limit
-- Gives what was taken, and for how many milliseconds it is good
local left, used = redis.call('PTTL', KEYS[1]), 0
if left > 0 and left <= 1000 then  -- more, if Redis' clock has jumped back
    used = tonumber(redis.call('GET', KEYS[1]))
else
    left = 1000
end
local taken = math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - used)
if taken < tonumber(ARGV[1]) then
    return {0, left}
end
redis.call('SET', KEYS[1], used + taken, 'PX', left)
return {taken, left}
""")

MAKE_ROOM: Final = Script("return redis.call('HSETNX', KEYS[1], ARGV[1], 0)")

HOLD: Final = Script("""
-- KEYS: rooms    ARGV: node, amount, limit, what it has had
-- Gives how much it has; -1 if it is none of those who may hold any: `MAKE_ROOM` comes first
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if not before then
    return -1
end
before = math.max(before, tonumber(ARGV[4]))
local amount, others = tonumber(ARGV[2]), 0
if amount > before then
    local rooms = redis.call('HGETALL', KEYS[1])
    for each = 1, #rooms, 2 do
        if rooms[each] ~= ARGV[1] then
            others = others + rooms[each + 1]
        end
    end
    amount = math.max(before, math.min(amount, tonumber(ARGV[3]) - others))
end
if amount == 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], amount)
end
return amount
""")

FREE: Final = Script("return redis.call('HDEL', KEYS[1], ARGV[1])")

CLAIM: Final = Script("""
-- KEYS: claim    ARGV: node, seconds, who has it no more or ''
-- Gives who has it
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[3] then
    holder = ARGV[1]
end
redis.call('SET', KEYS[1], holder, 'EX', ARGV[2])
return holder
""")

RELEASE: Final = Script("""
-- KEYS: claim    ARGV: every name of the node
local holder = redis.call('GET', KEYS[1])
for each = 1, #ARGV do
    if holder == ARGV[each] then
        redis.call('DEL', KEYS[1])
    end
end
return 1
""")

# Nodes

BEAT: Final = Script("""
-- A node says that it lives, takes the roles that nobody alive has, and what the gone have left to nobody alive.
-- KEYS: beats, gone, roles    ARGV: node, '1' if it is new, who it was before, roles
-- Gives 0 if it is not known; or all beats, who is gone and who sees to it, and who has which role
local node = ARGV[1]
if ARGV[2] == '1' then
    redis.call('HSET', KEYS[1], node, 1)
    for before in string.gmatch(ARGV[3], '%S+') do
        redis.call('HSETNX', KEYS[2], before, node)
    end
elseif redis.call('HEXISTS', KEYS[1], node) == 0 then
    return 0
else
    redis.call('HINCRBY', KEYS[1], node, 1)
end
local function is_alive(name)
    return name and redis.call('HEXISTS', KEYS[1], name) == 1
end
for each = 4, #ARGV do
    if not is_alive(redis.call('HGET', KEYS[3], ARGV[each])) then
        redis.call('HSET', KEYS[3], ARGV[each], node)
    end
end
local gone = redis.call('HGETALL', KEYS[2])
for each = 1, #gone, 2 do
    if not is_alive(gone[each + 1]) then
        gone[each + 1] = node
        redis.call('HSET', KEYS[2], gone[each], node)
    end
end
return {redis.call('HGETALL', KEYS[1]), gone, redis.call('HGETALL', KEYS[3])}
""")

EVICT: Final = Script("""
-- KEYS: beats, gone, roles    ARGV: who, the beat that was its last, who sees to it
-- Gives 1, or 0 if it has beaten since, or somebody else was first
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
    return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local roles = redis.call('HGETALL', KEYS[3])
for each = 1, #roles, 2 do
    if roles[each + 1] == ARGV[1] then
        redis.call('HDEL', KEYS[3], roles[each])
    end
end
return 1
""")

QUIT: Final = Script("""
-- A node leaves; if it has left something behind, to whoever beats next.
-- KEYS: beats, gone, roles, its places    ARGV: node, '1' if it left nothing
redis.call('HDEL', KEYS[1], ARGV[1])
local roles = redis.call('HGETALL', KEYS[3])
for each = 1, #roles, 2 do
    if roles[each + 1] == ARGV[1] then
        redis.call('HDEL', KEYS[3], roles[each])
    end
end
if ARGV[2] == '1' then
    redis.call('DEL', KEYS[4])
else
    redis.call('HSET', KEYS[2], ARGV[1], '')
end
return 1
""")

TAKE_PLACE: Final = Script("return redis.call('SADD', KEYS[1], ARGV[1])")

PLACES: Final = Script("return redis.call('SMEMBERS', KEYS[1])")

BURY: Final = Script("""
-- KEYS: gone, its places    ARGV: node
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
""")
