-- Checks HTTP requests of the native API before they become gRPC, since the transcoder drops unknown JSON fields without a word.
-- What is wrong is a 400 that names the field as JSON spells it; a known path with another method is a 405 with `allow`.
-- Before this text stands `local MESSAGES, ENUMS, ROUTES`, which native_paths.py writes.

local METADATA_KEY = "voicebox.native" -- where local_replies.py, and the answer below, read what this filter found
local MAX_DEPTH = 64
local LONGEST_SHOWN = 100
local MAX_NEAR_DEPTH = 2 -- of the messages in which a field of that name is looked for: config, config.style
local SPEECH_TYPES = {
  AUDIO_ENCODING_FLAC = "audio/flac", AUDIO_ENCODING_OGG_OPUS = "audio/ogg; codecs=opus", AUDIO_ENCODING_MP3 = "audio/mpeg",
  AUDIO_ENCODING_AAC = "audio/aac", AUDIO_ENCODING_MULAW = "audio/PCMU", AUDIO_ENCODING_ALAW = "audio/PCMA",
}

local NAMES = {
  string = "a string", bytes = "a string in base64", bool = "true or false", int = "a whole number", float = "a number",
  enum = "the name of a value", message = "an object", list = "a list", map = "an object", null = "null",
  duration = 'a string such as "1.5s"', timestamp = 'a string such as "2026-11-21T10:00:00Z"', number = "a number", any = "anything",
}
local LIMITS = {
  int32 = {-2147483648, 2147483647}, uint32 = {0, 4294967295}, int64 = {-9223372036854775808, 9223372036854775807},
  uint64 = {0, 18446744073709551615}, float = {-3.4028235e38, 3.4028235e38}, double = {-1.7976931348623157e308, 1.7976931348623157e308},
}
local FLAGS = {["true"] = 1, t = 1, yes = 1, y = 1, ["1"] = 1, ["false"] = 1, f = 1, no = 1, n = 1, ["0"] = 1}

local dropped -- names of unknown fields, where these are collected and nothing is refused: google_fields.lua

local function refuse(field, sentence, reason)
  if dropped and reason ~= "BAD_JSON" then
    if reason == "UNKNOWN_FIELD" then dropped[#dropped + 1] = field end
    return
  end
  error({field = field, sentence = sentence, reason = reason or "INVALID_FIELD"}, 0)
end

local function quoted(text)
  local shown = #text > LONGEST_SHOWN and text:sub(1, LONGEST_SHOWN):gsub("[\128-\255]+$", "") .. "..." or text
  return '"' .. shown .. '"'
end

-- Names that people mix up are alike in small letters and without underscores.
local function plain(name) return (name:lower():gsub("[_%-]", "")) end

-- How many letters must be put in, left out, changed or swapped.
local function distance(one, other)
  local before, row = {}, {}
  for column = 0, #other do row[column] = column end
  for line = 1, #one do
    local twice = before
    before, row = row, {[0] = line}
    for column = 1, #other do
      local same = one:byte(line) == other:byte(column)
      row[column] = math.min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (same and 0 or 1))
      if line > 1 and column > 1 and one:byte(line) == other:byte(column - 1) and one:byte(line - 1) == other:byte(column) then
        row[column] = math.min(row[column], twice[column - 2] + 1)
      end
    end
  end
  return row[#other]
end

-- The field of a message, or of a message in it, whose name is most like `name`; nil when none is.
local function nearest(message, name)
  local wanted, best, least = plain(name):sub(1, 40), nil, math.huge
  local function try(candidate, path, extra)
    local found = distance(wanted, plain(candidate)) + extra
    if found <= math.ceil(#wanted / 3) + extra and (found < least or (found == least and path < best)) then
      best, least = path, found
    end
  end
  local function try_within(parent, prefix, depth)
    for _, field in pairs(parent) do
      if depth == 0 or plain(field.name) == wanted then try(field.name, prefix .. field.name, depth / 2) end
      if depth < MAX_NEAR_DEPTH and field.kind == "message" and not field.list then
        try_within(MESSAGES[field.type] or {}, prefix .. field.name .. ".", depth + 1)
      end
    end
  end
  try_within(message, "", 0)
  return best
end

local function unknown(message, name, path, what)
  local near = not dropped and nearest(message, name)
  if near and #path > #name then near = path:sub(1, -#name - 1) .. near end
  local hint = near and " Did you mean " .. quoted(near) .. "?" or ""
  refuse(path, "There is no " .. what .. " " .. quoted(path) .. "." .. hint, "UNKNOWN_FIELD")
end

local function wrong(field, path, given, is_inner)
  local kind = field.map and "map" or field.list and not is_inner and "list" or field.kind
  refuse(path, path .. " must be " .. (NAMES[kind] or NAMES[LIMITS[kind] and (kind:find("int") and "int" or "float")]) .. ", not " .. given .. ".")
end

local function check_number(field, path, token, is_query)
  local limits, number = LIMITS[field.kind], tonumber(token)
  if not number or token:find("[xX]") then wrong(field, path, quoted(token), true) end
  local is_whole = field.kind:find("int", 1, true)
  if is_whole and (number ~= math.floor(number) or is_query and not token:find("^%-?%d+$")) then wrong(field, path, token, true) end
  if number < limits[1] or number > limits[2] then
    if is_whole then refuse(path, string.format("%s must be between %.0f and %.0f, not %s.", path, limits[1], limits[2], token)) end
    refuse(path, path .. " is too large: " .. token .. ".")
  end
end

local function check_enum(field, path, given)
  if ENUMS[field.type][given] or given:find("^-?%d+$") then return end
  local names, near, least = ENUMS[field.type].names, "", 4
  for _, name in ipairs(names) do
    local short = plain(name):sub(-#plain(given))
    local found = (short == plain(given) and given ~= "") and 0 or distance(plain(given):sub(1, 60), plain(name))
    if found < least then near, least = " Did you mean " .. name .. "?", found end
  end
  refuse(path, path .. " has no value " .. quoted(given) .. ": it is one of " .. table.concat(names, ", ") .. "." .. near)
end

-- A value that stands in quotes in JSON, or in a query.
local function check_text(field, path, given, is_query)
  local kind = field.kind
  if LIMITS[kind] then
    if kind == "float" or kind == "double" then
      if given == "NaN" or given == "Infinity" or given == "-Infinity" then return end
    end
    check_number(field, path, given, is_query)
  elseif kind == "enum" then
    check_enum(field, path, given)
  elseif kind == "bool" then
    if not (is_query and FLAGS[given:lower()] or given == "true" or given == "false") then wrong(field, path, quoted(given), true) end
  elseif kind == "bytes" then
    local base64 = given:gsub("\\/", "/"):gsub("=*$", "")
    if base64:find("[^%w+/_-]") or #base64 % 4 == 1 then refuse(path, path .. " is not base64.") end
  elseif kind == "duration" then
    if not (given:find("^%-?%d+s$") or given:find("^%-?%d+%.%d+s$")) then wrong(field, path, quoted(given), true) end
  elseif kind == "timestamp" then
    if not (given:find("^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.?%d*[Zz]$") or given:find("^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.?%d*[+-]%d%d:%d%d$")) then
      wrong(field, path, quoted(given), true)
    end
  elseif kind == "message" then
    wrong(field, path, is_query and "one value" or "a string", true)
  end
end

-- JSON is read from left to right: each function gets where something begins, and answers where it has ended.
local function broken(text, at, expected)
  local _, lines = text:sub(1, at - 1):gsub("\n", "")
  local column = at - (text:sub(1, at - 1):match(".*()\n") or 0)
  refuse("", string.format("The body is not JSON: %s is expected in line %d, column %d.", expected, lines + 1, column), "BAD_JSON")
end

local function space(text, at) return text:match("^[ \n\r\t]*()", at) end

local function escaped(text, at)
  local behind = text:match('^\\["\\/bfnrt]()', at)
  if behind then return behind end
  local code = text:match("^\\u(%x%x%x%x)", at)
  if not code then broken(text, at, "another escape") end
  local number = tonumber(code, 16)
  if number < 0xD800 or number > 0xDFFF then return at + 6 end
  local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 6) or "0", 16)
  if number > 0xDBFF or low < 0xDC00 or low > 0xDFFF then broken(text, at, "a pair of surrogates") end
  return at + 12
end

-- `at` is behind the first quote.
local function read_string(text, at)
  local from = at
  while true do
    local stop = text:find('["\\]', at)
    if not stop then broken(text, #text + 1, "a closing quote") end
    if text:sub(stop, stop) == '"' then return stop + 1, text:sub(from, stop - 1) end
    at = escaped(text, stop)
  end
end

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}
local function unescaped(given)
  if not given:find("\\", 1, true) then return given end
  given = given:gsub("\\u00([0-7]%x)", function(code) return string.char(tonumber(code, 16)) end)
  return (given:gsub("\\(.)", function(mark) return ESCAPES[mark] or mark end))
end

local function is_number(token)
  local whole = token:match("^%-?(%d+)")
  if not whole or (#whole > 1 and whole:sub(1, 1) == "0") then return false end
  local rest = token:match("^%-?%d+(.*)$")
  rest = rest:match("^%.%d+(.*)$") or rest
  return rest == "" or rest:find("^[eE][+-]?%d+$") ~= nil
end

local read_object, read_list

-- `field` is nil where anything may stand.
local function read_value(text, at, field, path, is_inner, depth)
  if depth > MAX_DEPTH then refuse(path:sub(1, LONGEST_SHOWN), "The body is nested more than " .. MAX_DEPTH .. " levels deep.", "BAD_JSON") end
  local mark = text:sub(at, at)
  local is_list = field and field.list and not is_inner
  if mark == "{" then
    if field and (is_list or not (field.map or field.kind == "message" or field.kind == "any")) then wrong(field, path, "an object", is_inner) end
    return read_object(text, at + 1, field, path, depth)
  elseif mark == "[" then
    if field and not is_list and field.kind ~= "any" then wrong(field, path, "a list", true) end
    return read_list(text, at + 1, field, path, depth)
  end
  if field and (is_list or field.map) then
    if not text:find("^null", at) then wrong(field, path, mark == '"' and "a string" or "a single value", is_inner) end
  end
  if mark == '"' then
    local behind, given = read_string(text, at + 1)
    if field and not dropped then check_text(field, path, field.kind == "bytes" and given or field.kind == "string" and "" or unescaped(given), false) end
    return behind
  end
  local token = text:match("^[%w.+-]+", at)
  if token == "true" or token == "false" then
    if field and field.kind ~= "bool" and field.kind ~= "any" then wrong(field, path, token, true) end
  elseif token == "null" then
    if is_inner then wrong(field, path, "null", true) end
  elseif token and is_number(token) then
    if dropped then return at + #token end
    if field and LIMITS[field.kind] then
      check_number(field, path, token)
    elseif field and field.kind == "enum" then
      if not token:find("^-?%d+$") then wrong(field, path, token, true) end
    elseif field and field.kind ~= "any" then
      wrong(field, path, "a number", true)
    end
  else
    broken(text, at, "a value")
  end
  return at + #token
end

function read_list(text, at, field, path, depth)
  local index = 0
  at = space(text, at)
  if text:sub(at, at) == "]" then return at + 1 end
  while true do
    at = space(text, read_value(text, at, field and field.kind ~= "any" and field or nil, path .. "[" .. index .. "]", true, depth + 1))
    local mark = text:sub(at, at)
    if mark == "]" then return at + 1 end
    if mark ~= "," then broken(text, at, "a comma or ]") end
    at, index = space(text, at + 1), index + 1
  end
end

function read_object(text, at, field, path, depth)
  local message = field and not field.map and MESSAGES[field.type]
  local chosen = {}
  at = space(text, at)
  if text:sub(at, at) == "}" then return at + 1 end
  while true do
    if text:sub(at, at) ~= '"' then broken(text, at, "a name in double quotes") end
    local behind, key = read_string(text, at + 1)
    key = unescaped(key)
    local inner_path = path == "" and key or path .. "." .. key
    at = space(text, behind)
    if text:sub(at, at) ~= ":" then broken(text, at, "a colon") end
    at = space(text, at + 1)
    local inner = field and field.map and field.value or message and message[key]
    if message and not inner then unknown(message, key, inner_path, "field") end
    if inner and inner.oneof and not text:find("^null", at) then
      local other = chosen[inner.oneof]
      if other and other ~= inner.name then
        refuse(inner_path, "Only one of " .. quoted(other) .. " and " .. quoted(inner.name) .. " may be given.")
      end
      chosen[inner.oneof] = inner.name
    end
    at = space(text, read_value(text, at, inner, inner_path, false, depth + 1))
    local mark = text:sub(at, at)
    if mark == "}" then return at + 1 end
    if mark ~= "," then broken(text, at, "a comma or }") end
    at = space(text, at + 1)
  end
end

local SEQUENCES = {
  "^[\194-\223][\128-\191]()", "^\224[\160-\191][\128-\191]()", "^[\225-\236\238\239][\128-\191][\128-\191]()",
  "^\237[\128-\159][\128-\191]()", "^\240[\144-\191][\128-\191][\128-\191]()", "^[\241-\243][\128-\191][\128-\191][\128-\191]()",
  "^\244[\128-\143][\128-\191][\128-\191]()",
}
local function check_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local behind
    for _, pattern in ipairs(SEQUENCES) do behind = behind or text:match(pattern, at) end
    if not behind then refuse("", "The body is not UTF-8: byte " .. at .. " is invalid.", "BAD_JSON") end
    at = text:find("[\128-\255]", behind)
  end
end

local function check_body(text, type)
  if text == "" then return end
  check_utf8(text)
  local at = space(text, 1)
  if text:sub(at, at) ~= "{" then broken(text, at, "an object in braces") end
  at = space(text, read_object(text, at + 1, {kind = "message", type = type}, "", 1))
  if at <= #text then broken(text, at, "the end") end
end

local function from_query(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

-- `chosen` are the members of a oneof that other parameters have named.
local function check_parameter(name, given, type, chosen)
  local message, field, walked = MESSAGES[type], nil, ""
  for part in (name .. "."):gmatch("([^.]*)%.") do
    if field and (field.list or field.map or field.kind ~= "message") then
      return refuse(name, "The query parameter " .. quoted(name) .. " names nothing in " .. walked .. ".", "UNKNOWN_FIELD")
    end
    if field then message = MESSAGES[field.type] end
    walked = walked == "" and part or walked .. "." .. part
    field = message[part]
    if not field then return unknown(message, part, walked, "query parameter") end
    if field.oneof then
      local group = walked:sub(1, -#part - 1) .. field.oneof
      local other = chosen[group]
      if other and other ~= field.name then refuse(name, "Only one of " .. quoted(other) .. " and " .. quoted(field.name) .. " may be given.") end
      chosen[group] = field.name
    end
  end
  if field.map then refuse(name, name .. " cannot be given in the query.") end
  if not dropped then check_text(field, name, given, true) end
end

local function check_query(query, type)
  local chosen = {}
  for pair in query:gmatch("[^&]+") do
    local name, given = pair:match("^([^=]*)=?(.*)$")
    if name ~= "" then check_parameter(from_query(name), from_query(given), type, chosen) end
  end
end

-- The route of a method and path, and the methods of the path when it has another one.
local function find_route(method, path)
  local allowed, is_verb = {}, false
  for _, route in ipairs(ROUTES) do -- those with a verb first
    if path:find(route.pattern) and not (is_verb and not route.is_verb) then
      if route.method == method then return route end
      allowed[#allowed + 1], is_verb = route.method, route.is_verb
      if route.method == "GET" then allowed[#allowed + 1] = "HEAD" end
    end
  end
  return nil, allowed
end

local ESCAPED = {['"'] = '\\"', ["\\"] = "\\\\"}
local function json(text)
  return '"' .. text:gsub('[%c"\\\127]', function(mark) return ESCAPED[mark] or string.format("\\u%04x", mark:byte()) end) .. '"'
end

local function answer(handle, fault, service)
  local id = handle:headers():get("x-request-id") or ""
  local metadata = '{"request_id":' .. json(id:sub(1, 128)) .. ',"service":' .. json(service) .. "}"
  local info = '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":' .. json(fault.reason) .. ',"domain":"voicebox","metadata":' .. metadata .. "}"
  local violation = '{"field":' .. json(fault.field) .. ',"description":' .. json(fault.sentence) .. "}"
  local details = fault.field == "" and info or info .. ',{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[' .. violation .. "]}"
  handle:streamInfo():dynamicMetadata():set(METADATA_KEY, "refused", true)
  handle:respond({[":status"] = "400"}, '{"code":3,"message":' .. json(fault.sentence) .. ',"details":[' .. details .. "]}")
end

local function checked(handle, route, check, ...)
  local ok, fault = pcall(check, ...)
  if ok then return true end
  if type(fault) ~= "table" then error(fault, 0) end
  answer(handle, fault, route.service)
  return false
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method, path = headers:get(":method"), headers:get(":path")
  local head = (handle:streamInfo():dynamicMetadata():get("voicebox.tidy") or {}).head
  local plain_path, query = path:match("^([^?]*)[?]?(.*)$")
  local route, allowed = find_route(method, plain_path)
  if not route then
    if #allowed == 0 then return end -- an unknown path is the transcoder's to refuse
    handle:respond({[":status"] = method == "OPTIONS" and "204" or "405", ["allow"] = table.concat(allowed, ", ")}, "")
    return
  end
  if not route.input then return end
  if not checked(handle, route, check_query, query, route.input) then return end
  if head and route.makes_speech then
    local encoding = from_query(query:match("config%.audio%.encoding=([^&]*)") or "")
    handle:streamInfo():dynamicMetadata():set(METADATA_KEY, "type", SPEECH_TYPES[encoding] or "audio/wav")
    handle:respond({[":status"] = "200"}, "")
    return
  end
  local body = route.body and handle:body()
  if body and not checked(handle, route, check_body, body:getBytes(0, body:length()), route.body) then return end
  -- Asked for again: what was held before body() waited for the client is void.
  handle:streamInfo():dynamicMetadata():set(METADATA_KEY, "checked", true)
end

function envoy_on_response(handle)
  local type = (handle:streamInfo():dynamicMetadata():get(METADATA_KEY) or {}).type
  if not type then return end
  handle:headers():replace("content-type", type)
  handle:headers():remove("content-length") -- of a body that nobody gets
end
