-- Takes out of a request the headers that gRPC cannot read, and makes every other one ASCII.

local function is_readable(key, value)
  if key:sub(-4) == "-bin" then
    return not value:find("[^A-Za-z0-9+/=,]") and #value:gsub("[=,]", "") % 4 ~= 1
  end
  return key ~= "grpc-timeout" or (#value <= 9 and value:find("^%d+[HMSmun]$") ~= nil)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local is_grpc = (headers:get("content-type") or ""):find("^application/grpc") ~= nil
  local removed, replaced = {}, {}
  for key, value in pairs(headers) do
    local is_own = key:find("^grpc%-") ~= nil or key:sub(-4) == "-bin"
    if is_own and not (is_grpc and is_readable(key, value)) then
      removed[key] = true
    elseif value:find("[^\t -~]") and key:sub(1, 1) ~= ":" then
      replaced[key] = value:gsub("[^\t -~]", "?")
    end
  end
  for key in pairs(removed) do headers:remove(key) end
  for key, value in pairs(replaced) do headers:replace(key, value) end
end
