-- A gateway that looks into sockets, and takes no message of a server that has more than LARGEST bytes. Then
-- `filter lua.ends` has it end the socket, `filter lua.hangs` pass nothing more on.

local LARGEST = 4096

local Gate = {}
Gate.__index = Gate

function Gate:new()
    return setmetatable({ head = "", is_socket = false, is_other = false, is_shut = false, left = 0 }, self)
end

function Gate:start_analyze(txn, channel)
    if channel:is_resp() then filter.register_data_filter(self, channel) end
end

function Gate:tcp_payload(txn, channel)
    if channel:input() == 0 then return end
    local data, at = channel:data(0, channel:input()), 1
    while at <= #data and not self.is_other and not self.is_shut do
        if self.left > 0 then
            local passed = math.min(self.left, #data - at + 1)
            self.left, at = self.left - passed, at + passed
        else
            self.head, at = self.head .. data:sub(at, at), at + 1
            if self.is_socket then self:frame() else self:answer() end
        end
    end
    if self.is_shut then self:shut(channel) end
end

-- The head of an answer of HTTP: behind that of an upgrade are frames.
function Gate:answer()
    if self.head:sub(-4) ~= "\r\n\r\n" then return end
    self.is_socket = self.head:find("^HTTP/1.1 101") ~= nil
    self.is_other, self.head = not self.is_socket, ""
end

-- The head of a frame, which a server does not mask (RFC 6455, 5.2).
function Gate:frame()
    local size = self.head:byte(2)
    if size == 126 and #self.head == 4 then size = string.unpack(">I2", self.head, 3)
    elseif size == 127 then size = math.maxinteger
    elseif size == nil or size == 126 then return end
    self.left, self.head, self.is_shut = size, "", size > LARGEST
end

local function offered(name, shut)
    local kind = { id = name, flags = 0, new = Gate.new, shut = shut }
    kind.__index = setmetatable(kind, Gate)
    core.register_filter(name, kind, function(one) return one end)
end

offered("ends", function() error("a message is too large") end)
offered("hangs", function(_, channel) channel:remove(0, channel:input()) end)
