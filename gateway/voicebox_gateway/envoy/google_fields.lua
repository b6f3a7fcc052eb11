-- Google's REST paths drop what is in no message of theirs. Here these fields and query parameters are named in x-voicebox-ignored.
-- Before this text stand the tables of Google's messages, which native_paths.py writes, and native.lua.

local GOOGLE_KEY = "voicebox.google_fields" -- the metadata by which the response has what was found in the request
local IGNORED_HEADER = "x-voicebox-ignored"
local MAX_DROPPED = 20
-- Parameters of every API of Google's, and those that its clients send: https://cloud.google.com/apis/docs/system-parameters
local SYSTEM = {
  ["$alt"] = true, alt = true, ["$fields"] = true, fields = true, ["$key"] = true, key = true, ["$prettyPrint"] = true, prettyPrint = true,
  ["$callback"] = true, callback = true, ["$.xgafv"] = true, access_token = true, oauth_token = true, quotaUser = true,
  uploadType = true, upload_protocol = true, ["$apiVersion"] = true, ["$userProject"] = true, userProject = true,
}

-- A header is printable ASCII, and a comma is between two names.
local function shown(name)
  return (name:sub(1, LONGEST_SHOWN):gsub("[^%w_.$%[%]-]", "?"))
end

local function dropped_parameters(query, type)
  for pair in query:gmatch("[^&]+") do
    local name = from_query(pair:match("^[^=]*"))
    if not SYSTEM[name] then check_parameter(name, "", type, {}) end
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local plain_path, query = headers:get(":path"):match("^([^?]*)[?]?(.*)$")
  local route = find_route(headers:get(":method"), plain_path)
  if not route or not route.input then return end
  local body = route.body and handle:body()
  -- From here on nothing waits: other requests of this worker do not see `dropped`.
  dropped = {}
  pcall(dropped_parameters, query, route.input)
  if body then pcall(check_body, body:getBytes(0, body:length()), route.body) end
  local names = {}
  for index = 1, math.min(#dropped, MAX_DROPPED) do names[index] = shown(dropped[index]) end
  dropped = nil
  if #names > 0 then handle:streamInfo():dynamicMetadata():set(GOOGLE_KEY, "names", table.concat(names, ", ")) end
end

function envoy_on_response(handle)
  local names = (handle:streamInfo():dynamicMetadata():get(GOOGLE_KEY) or {}).names
  if not names then return end
  local before = handle:headers():get(IGNORED_HEADER)
  handle:headers():replace(IGNORED_HEADER, before and before .. ", " .. names or names)
end
