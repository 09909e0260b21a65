-- For wrk: the requests of rotate.lua, each connection 20 ms after the last answer, as a person does who is not measured
-- by how much fits in a second.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "rotate.lua")

function delay()
    return 20
end
