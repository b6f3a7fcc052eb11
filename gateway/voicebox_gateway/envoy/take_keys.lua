-- `?key=KEY`, as Google's clients send it, becomes a header before the path is translated, checked or logged.
local HEADER = "x-voicebox-query-key"

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = headers:get(":path"):match("^([^?]*)[?](.*)$")
  if not query or not query:find("key=", 1, true) then return end
  local kept, keys = {}, {}
  for pair in query:gmatch("[^&]+") do
    local key = pair:match("^key=(.*)$")
    if key then
      -- What no key has would be refused by Envoy as a header.
      keys[#keys + 1] = (decoded(key):gsub("[^%w%p]", "?"))
    else
      kept[#kept + 1] = pair
    end
  end
  if #keys == 0 then return end
  headers:replace(HEADER, table.concat(keys, ","))
  headers:replace(":path", #kept == 0 and path or path .. "?" .. table.concat(kept, "&"))
end
