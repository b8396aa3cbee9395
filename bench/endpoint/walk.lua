-- wrk walks through signed requests: `wrk … -s walk.lua URL -- HEADS [BODY_BYTES]`. HEADS holds
-- request heads one behind the other; each body differs from all others in its first 16 bytes.
local heads, tail, nth, at = {}, nil, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  local from = 1
  while true do
    local _, to = text:find("\r\n\r\n", from, true)
    if not to then break end
    heads[#heads + 1] = text:sub(from, to)
    from = to + 1
  end
  assert(#heads > 0, "no request heads")
  local size = tonumber(args[2] or 0)
  if size > 0 then tail = ("telpher endpoint"):rep(math.ceil(size / 16)):sub(17, size) end
end

function request()
  at = at % #heads + 1
  nth = nth + 1
  if not tail then return heads[at] end
  return heads[at] .. ("%016d"):format(nth) .. tail
end

function done(summary, latency)
  local e = summary.errors
  io.write(('{"requests": %d, "bytes": %d, "seconds": %.6f, "refused": %d, "broken": %d, ')
    :format(summary.requests, summary.bytes, summary.duration / 1e6, e.status,
            e.connect + e.read + e.write + e.timeout))
  io.write(('"p50_ms": %.3f, "p99_ms": %.3f}\n')
    :format(latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
