-- wrk: the same GET with another value of one header each time. Arguments: the header's name and a file with a value a line.
-- Prints requests, microseconds, errors, the 50th and 99th percentile in microseconds, and bytes.

local requests = {}
local last = 0

function init(arguments)
    for value in io.lines(arguments[2]) do
        requests[#requests + 1] = wrk.format("GET", nil, { [arguments[1]] = value, Host = wrk.headers["Host"] })
    end
end

function request()
    last = last % #requests + 1
    return requests[last]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("result %d %d %d %d %d %d\n", summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(99), summary.bytes))
end
