"""What runs inside Redis: each text changes all it touches at once, and tells of it in the same breath.

Knows: how state is laid out in keys (see `keys`). Does not know what members and events are made of. For Redis 6 and
later, and Valkey. All keys of a script are passed to it, and share a hash tag.

What is told of a channel is numbered. A message is its kind (one letter), its number and the number of what was told of
the channel before it, 16 digits each, and what is told:

    A  a member came         R  a member is gone        T  a user went online or offline
    K  an event is kept      F  what was kept is forgotten
"""

from typing import Final

from hubbub.engine.redis.link import Script

FULL: Final = -2
"""In place of a number: the channel takes nobody new."""

_TELLING = """
-- Numbers of a bucket only ever grow. They begin with the time, in microseconds, so that this holds where Redis has
-- forgotten all, and the count of a bucket that nobody uses need not be kept.
local function count_up(number)
    local value = redis.call('INCR', number)
    if value == 1 then
        local now = redis.call('TIME')
        value = now[1] * 1000000 + now[2]
        redis.call('SET', number, string.format('%.0f', value), 'EX', 604800)
    end
    return value
end

-- A channel that nobody occupies does not remember what was told: before it is then 0, and nobody was there.
local function tell(kind, value, nodes, command, topic, told)
    local before = redis.call('HGET', nodes, '#') or '0000000000000000'
    local digits = string.format('%016.0f', value)
    if redis.call('EXISTS', nodes) == 1 then
        redis.call('HSET', nodes, '#', digits)
    end
    redis.call(command, topic, kind .. digits .. before .. told)
end

local function heads(nodes)
    return redis.call('HLEN', nodes) - redis.call('HEXISTS', nodes, '#')
end

local function entry_of(channel, user)
    return 'u' .. #channel .. ':' .. channel .. user
end
"""

ENTER: Final = Script(
    _TELLING
    + """
-- A node enters channels and users; what it has entered already is no transition.
-- KEYS: number, occupied, the node's entries; then of each: nodes, members
-- ARGV: node, term, command; then of each: channel, topic, '1' if it occupies, told, user, member, limit
-- Gives 0 if the node may not enter in this term; or of each: number, occupied first, came first
local node, command = ARGV[1], ARGV[3]
if redis.call('HGET', KEYS[3], '') ~= ARGV[2] then
    return 0
end
local answers = {}
for each = 1, (#KEYS - 3) / 2 do
    local nodes, members, at = KEYS[2 + 2 * each], KEYS[3 + 2 * each], 7 * each - 4
    local channel, topic, occupies, told = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    local user, member, limit = ARGV[at + 5], ARGV[at + 6], tonumber(ARGV[at + 7])
    local known = user ~= '' and redis.call('HGET', members, user)
    if user ~= '' and not known and redis.call('HLEN', members) >= limit then
        answers[each] = {-2, 0, 0}
    else
        local value, is_first, is_new = 0, 0, 0
        if occupies == '1' and redis.call('HSETNX', nodes, node, '') == 1 then
            redis.call('HSET', KEYS[3], 'c' .. channel, '')
            if heads(nodes) == 1 then
                is_first = 1
                redis.call('ZADD', KEYS[2], 0, channel)
                if told ~= '' then
                    value = count_up(KEYS[1])
                    tell('T', value, nodes, command, topic, told)
                end
            end
        end
        if user ~= '' and not known then
            is_new = 1
            value = count_up(KEYS[1])
            redis.call('HSET', members, user, string.format('%016.0f', value) .. ',' .. node .. ', ' .. member)
            redis.call('HSET', KEYS[3], entry_of(channel, user), '')
            tell('A', value, nodes, command, topic, member)
        elseif user ~= '' then
            local space = string.find(known, ' ', 1, true)
            local head = string.sub(known, 1, space - 1)
            if not string.find(head, ',' .. node .. ',', 1, true) then
                redis.call('HSET', members, user, head .. node .. ',' .. string.sub(known, space))
                redis.call('HSET', KEYS[3], entry_of(channel, user), '')
            end
        end
        if value == 0 then
            value = tonumber(redis.call('HGET', nodes, '#') or 0)
        end
        answers[each] = {value, is_first, is_new}
    end
end
return answers
"""
)

LEAVE: Final = Script(
    _TELLING
    + """
-- What a node has entered is taken back, by itself or by who does it for one that is gone; what is not there is no
-- transition.
-- KEYS: number, occupied, the node's entries, owed of who does it; then of each: nodes, members
-- ARGV: node, term or '' for one that is gone, command; then of each: channel, topic, '1' if it vacates, told, user
-- Gives 0 if the node may not leave in this term; or of each: number, vacated, the member that is gone or ''
local node, command, is_gone = ARGV[1], ARGV[3], ARGV[2] == ''
if not is_gone and redis.call('HGET', KEYS[3], '') ~= ARGV[2] then
    return 0
end
local answers = {}
for each = 1, (#KEYS - 4) / 2 do
    local nodes, members, at = KEYS[3 + 2 * each], KEYS[4 + 2 * each], 5 * each - 2
    local channel, topic, vacates, told, user = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
    local value, is_last, removed = 0, 0, ''
    local known = user ~= '' and redis.call('HGET', members, user)
    if user ~= '' then
        redis.call('HDEL', KEYS[3], entry_of(channel, user))
    end
    if known then
        local space = string.find(known, ' ', 1, true)
        local head = string.sub(known, 1, space - 1)
        local from, to = string.find(head, ',' .. node .. ',', 1, true)
        if from then
            head = string.sub(head, 1, from) .. string.sub(head, to + 1)
            if #head > 17 then
                redis.call('HSET', members, user, head .. string.sub(known, space))
            else
                removed = string.sub(known, space + 1)
                redis.call('HDEL', members, user)
                value = count_up(KEYS[1])
                tell('R', value, nodes, command, topic, removed)
                if is_gone then
                    redis.call('HSET', KEYS[4], entry_of(channel, user), removed)
                end
            end
        end
    end
    if vacates == '1' then
        redis.call('HDEL', KEYS[3], 'c' .. channel)
        if redis.call('HDEL', nodes, node) == 1 and heads(nodes) == 0 then
            is_last = 1
            redis.call('ZREM', KEYS[2], channel)
            if told ~= '' then
                value = count_up(KEYS[1])
                tell('T', value, nodes, command, topic, told)
            end
            redis.call('DEL', nodes)
            if is_gone then
                redis.call('HSET', KEYS[4], 'c' .. channel, '')
            end
        end
    end
    if value == 0 then
        value = tonumber(redis.call('HGET', nodes, '#') or 0)
    end
    answers[each] = {value, is_last, removed}
end
return answers
"""
)

OPEN: Final = Script("""
-- A node may enter here from now on, in this term and in no earlier one. What was on its way for long is refused.
-- KEYS: the node's entries, owed    ARGV: term
-- Gives the names of its entries. What it owed it has told: it is the same process.
if tonumber(redis.call('HGET', KEYS[1], '') or 0) <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], '', ARGV[1])
end
redis.call('DEL', KEYS[2])
return redis.call('HKEYS', KEYS[1])
""")

SHUT: Final = Script("""
-- A node that leaves enters here no more.
-- KEYS: the node's entries
return redis.call('HDEL', KEYS[1], '')
""")

CLOSE: Final = Script("""
-- A node that is gone enters here no more. What it owed is owed by who takes out its entries.
-- KEYS: its entries, its owed, owed of who takes them out
-- Gives the names of its entries, and what it owed
redis.call('HDEL', KEYS[1], '')
local owed = redis.call('HGETALL', KEYS[2])
for each = 1, #owed, 2 do
    redis.call('HSET', KEYS[3], owed[each], owed[each + 1])
end
redis.call('DEL', KEYS[2])
return {redis.call('HKEYS', KEYS[1]), owed}
""")

DISCHARGE: Final = Script("""
-- KEYS: owed    ARGV: what is owed no more
for each = 1, #ARGV do
    redis.call('HDEL', KEYS[1], ARGV[each])
end
return 1
""")

# Looking

SNAPSHOT: Final = Script("""
-- All that is told of channels, and the number up to which it has been told.
-- KEYS: number; then of each: nodes, members, kept
-- Gives the number; then of each: is occupied, members, kept or false, milliseconds that it is kept
local answers = {tonumber(redis.call('GET', KEYS[1]) or 0)}
for each = 1, (#KEYS - 1) / 3 do
    local nodes, members, kept = KEYS[3 * each - 1], KEYS[3 * each], KEYS[3 * each + 1]
    -- The bucket's count ends in time; what was told last in a channel is known as long as somebody is there.
    answers[1] = math.max(answers[1], tonumber(redis.call('HGET', nodes, '#') or 0))
    answers[each + 1] = {
        redis.call('EXISTS', nodes), redis.call('HGETALL', members), redis.call('GET', kept), redis.call('PTTL', kept)
    }
end
return answers
""")

MEMBERS: Final = Script("return redis.call('HVALS', KEYS[1])")

IS_MEMBER: Final = Script("return redis.call('HEXISTS', KEYS[1], ARGV[1])")

USER_COUNTS: Final = Script("""
local counts = {}
for each = 1, #KEYS do
    counts[each] = redis.call('HLEN', KEYS[each])
end
return counts
""")

OCCUPIED: Final = Script("""
local are = {}
for each = 1, #KEYS do
    are[each] = redis.call('EXISTS', KEYS[each])
end
return are
""")

NODES: Final = Script("""
local names = {}
for each = 1, #KEYS do
    names[each] = redis.call('HKEYS', KEYS[each])
end
return names
""")

CHANNELS: Final = Script("return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2])")

# Cache channels

QUEUE: Final = Script("""
-- One more channel of an application keeps an event; those that were told longest ago make room.
-- KEYS: order, keeping, ends    ARGV: channel, milliseconds, how many may keep one
-- Gives its place in the order; then names and places of those that are to forget theirs
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[2], over)
    redis.call('ZREM', KEYS[3], over)
end
local place = redis.call('INCR', KEYS[1])
redis.call('ZADD', KEYS[2], place, ARGV[1])
redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[2]), ARGV[1])
local many = math.min(redis.call('ZCARD', KEYS[2]) - ARGV[3], 1000)
if many <= 0 then
    return {place}
end
local forgotten = redis.call('ZRANGE', KEYS[2], 0, many - 1, 'WITHSCORES')
for each = 1, #forgotten, 2 do
    redis.call('ZREM', KEYS[2], forgotten[each])
    redis.call('ZREM', KEYS[3], forgotten[each])
end
return {place, unpack(forgotten)}
""")

KEEP: Final = Script(
    _TELLING
    + """
-- KEYS: number, nodes, kept, missed    ARGV: command, topic, place in the order, what is kept, milliseconds
local value = count_up(KEYS[1])
local head = string.format('%016.0f%016.0f', value, tonumber(ARGV[3]))
redis.call('SET', KEYS[3], head .. ARGV[4], 'PX', ARGV[5])
redis.call('DEL', KEYS[4])
tell('K', value, KEYS[2], ARGV[1], ARGV[2], ARGV[4])
return value
"""
)

FORGET: Final = Script(
    _TELLING
    + """
-- Forgets what a channel keeps, unless it was kept after that place in the order.
-- KEYS: number, nodes, kept    ARGV: command, topic, place
local kept = redis.call('GET', KEYS[3])
if kept and tonumber(string.sub(kept, 17, 32)) <= tonumber(ARGV[3]) then
    redis.call('DEL', KEYS[3])
    tell('F', count_up(KEYS[1]), KEYS[2], ARGV[1], ARGV[2], '')
end
return 1
"""
)

RECALL: Final = Script("return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}")

MISS: Final = Script("return redis.call('SET', KEYS[1], '', 'NX', 'EX', ARGV[1]) and 1 or 0")
