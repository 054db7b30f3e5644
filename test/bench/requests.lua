-- Requests for wrk. Arguments: method, path (%d = number of the request, %s = one for each thousand), body or "-", a number to begin at, more
-- headers as NAME VALUE.
local method, path, body, n
local headers = {}

function init (args)
  method, path, body, n = args[1], args[2], args[3], tonumber(args[4])
  for at = 5, #args, 2 do headers[args[at]] = args[at + 1] end
  if body == "-" then body = nil else headers["Content-Type"] = "application/json" end
end

function request ()
  n = n + 1
  return wrk.format(method, (path:gsub("%%d", n):gsub("%%s", math.floor(n / 1000))), headers, body)
end
