-- For wrk: repeats one request with another value of one header each time. Arguments: the name of the header, a file
-- with one value a line, and for a POST the file with its JSON body.
-- Prints requests, microseconds, errors, the 50th and 99th percentile in microseconds, and bytes.

local requests = {}
local last = 0

function init(arguments)
    local method, body, headers = "GET", nil, { Host = wrk.headers["Host"] }
    if arguments[3] then
        method, body = "POST", io.open(arguments[3]):read("a")
        headers["Content-Type"] = "application/json"
    end
    for value in io.lines(arguments[2]) do
        headers[arguments[1]] = value
        requests[#requests + 1] = wrk.format(method, nil, headers, body)
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
