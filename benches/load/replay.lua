-- For wrk: sends the requests of a file in their order, and begins again at its end. Arguments: the file, in which the byte 1
-- separates requests, and optionally the milliseconds that each connection pauses between an answer and its next request.
-- Prints requests, microseconds, errors, the 50th and 99th percentile in microseconds, bytes, and the requests that were sent.

local threads = {}
local requests = {}
-- Global, so that done() can read it from each thread.
sent = 0

function setup(thread)
    threads[#threads + 1] = thread
end

function init(arguments)
    local file = io.open(arguments[1], "rb")
    for request in file:read("*a"):gmatch("[^\1]+") do
        requests[#requests + 1] = request
    end
    file:close()
    local pause = tonumber(arguments[2])
    if pause then
        -- wrk asks for it only if it is defined.
        function delay()
            return pause
        end
    end
end

function request()
    local position = sent % #requests + 1
    sent = sent + 1
    return requests[position]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    local all = 0
    for _, thread in ipairs(threads) do
        all = all + thread:get("sent")
    end
    io.write(string.format("result %d %d %d %d %d %d %d\n", summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(99), summary.bytes, all))
end
