-- Asks the scorer about one request, for ModSecurity 2 (Lua 5.1) and libmodsecurity 3 (Lua 5.3). Sets, in TX:
--   machine-learning-plugin_state                      ok, unready, timeout, down, garbage or error
--   machine-learning-plugin_inbound_ml_anomaly_score   0.00 to 10.00, and _tenths the same as an integer, 0 to 100
--   machine-learning-plugin_inbound_ml_status          1 pass, 0 deny; unset without a score
--   machine-learning-plugin_partial                    1 when something of the request was not sent
-- It never raises: an error would leak the whole Lua state on ModSecurity 2. On version 3 it names only variables that are known to be safe:
-- any other aborts the worker, which no pcall can catch.

local PREFIX = "tx.machine-learning-plugin_"
local MAX_BODY, MAX_NAME, MAX_VALUE, MAX_FULL, MAX_ITEMS, MAX_REPLY = 8192, 1024, 2048, 16384, 128, 1024
-- What the web servers let through of one header, and nginx of all: a proxy names its client at the end of one. Headers leave room for the
-- body: whoever sends many must not push it out.
local MAX_HEADER, MAX_HEAD, MAX_TO_HEADERS, MAX_ALL = 8192, 32768, 40000, 60000

-- What is not set gives no value at all, hence the "or nil".
local function setting(name)
  return m.getvar("TX.machine-learning-plugin_" .. name) or nil
end

-- What is sent: netstrings LENGTH:K=VALUE, in one table; `size` bounds them together.
local parts, size, truncated

local function add(key, value, limit, most)
  if value == nil or value == "" then return end
  if limit and #value > limit then
    value, truncated = string.sub(value, 1, limit), true
  end
  if size + #value > (most or MAX_ALL) then
    truncated = true
    return
  end
  local length = #key + 1 + #value
  parts[#parts + 1] = length .. ":" .. key .. "=" .. value .. ","
  size = size + length + 8
end

-- ModSecurity 2 names an item "COLLECTION:name".
local function add_all(key, collection, first, limit, most)
  local items = m.getvars(collection) or {}
  local skip = #collection + 2
  local last = first + MAX_ITEMS - 1
  for i = first, math.min(#items, last) do
    local name = string.sub(items[i].name, skip)
    -- The NUL must stay within the limit: without it no scorer takes the message.
    if #name > MAX_NAME then name, truncated = string.sub(name, 1, MAX_NAME), true end
    add(key, name .. "\0" .. items[i].value, limit, most)
  end
  if #items > last then truncated = true end
end

-- Of XML ModSecurity 2 keeps the document only: its text and the values of its attributes, as the CRS looks at them. Ten thousand of these
-- would take longer than the answer may.
local function xml_text()
  local texts = { m.getvar("XML./*") or nil }
  local attributes = m.getvars("XML.(//@*)[position()<=" .. MAX_ITEMS + 1 .. "]") or {}
  for _, item in ipairs(attributes) do texts[#texts + 1] = item.value end
  if #attributes > MAX_ITEMS then truncated = true end
  return table.concat(texts, "\n")
end

-- Headers and body, each cut on its own. No header is empty, so the first empty lines are those before the body.
local function cut_full(full)
  if #full <= MAX_FULL then return full end
  local ends_at = string.find(full, "\n\n\n", 1, true) or #full
  local head = string.sub(full, 1, math.min(ends_at - 1, MAX_HEAD))
  local body = string.sub(full, ends_at, ends_at + 2 + math.max(MAX_BODY, MAX_FULL - #head))
  if #head + #body < #full then truncated = true end
  return head .. body
end

local function describe()
  parts, size, truncated = {}, 0, false
  add("id", m.getvar("UNIQUE_ID"), 128)
  add("ip", m.getvar("REMOTE_ADDR"), 64)
  add("m", m.getvar("REQUEST_METHOD"), 32)
  add("u", m.getvar("REQUEST_URI_RAW"), MAX_BODY)
  add("p", m.getvar("REQUEST_PROTOCOL"), 16)
  add("cs", setting("crs_score"), 16)
  if __transaction then
    add("full", cut_full(m.getvar("FULL_REQUEST") or ""))
  else
    add_all("h", "REQUEST_HEADERS", 1, MAX_HEADER, MAX_TO_HEADERS)
    local body = m.getvar("REQUEST_BODY")
    if body then
      add("bl", tostring(#body))
      add("b", body, MAX_BODY)
    elseif m.getvar("REQBODY_PROCESSOR") == "XML" then
      add("b", xml_text(), MAX_BODY)
    elseif m.getvar("REQUEST_HEADERS.Content-Type") then
      -- JSON and multipart bodies are kept in their parsed form only, behind the arguments of the query.
      add_all("a", "ARGS", #(m.getvars("ARGS_GET") or {}) + 1, MAX_VALUE)
      add_all("f", "FILES", 1, MAX_VALUE)
    end
  end
  if truncated then add("trunc", "1") end
  return table.concat(parts)
end

-- The modules in C only: socket.http and socket.lua are parsed anew for every request.
local function open(url)
  local path = string.match(url, "^unix:(/.+)$")
  if path then
    local unix = require("socket.unix")
    local create = type(unix) == "table" and (unix.stream or unix.tcp) or unix
    return create(), path
  end
  local port = string.match(url, "^http://127%.0%.0%.1:(%d+)/?$")
  if port then return require("socket.core").tcp(), "127.0.0.1", tonumber(port) end
end

-- The whole exchange takes no longer than `budget` seconds: every step gets what is left of it, by the connected socket's own age.
local function ask(url, body, budget)
  local socket, address, port = open(url)
  if not socket then return "error" end
  local function left()
    local _, _, age = socket:getstats()
    local rest = budget - age
    socket:settimeout(rest > 0.001 and rest or 0.001, "t")
  end
  socket:settimeout(budget, "t")
  local connected, problem = socket:connect(address, port)
  local reply
  if connected then
    left()
    local sent
    sent, problem = socket:send("POST /v1/score HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      .. "Content-Type: application/x-modsec-ml\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
    -- A scorer that refuses early closes before it has read everything; what it said is still there.
    if sent or problem == "closed" then
      left()
      local whole, partial
      whole, problem, partial = socket:receive(MAX_REPLY)
      reply = whole or partial
    end
  end
  socket:close()
  if reply and reply ~= "" then return nil, reply, problem end
  if problem == "timeout" then return "timeout" end
  return connected and "garbage" or "down"
end

-- "7.25 deny" or, from a scorer that speaks by its status only, 200 or 401 with "7.25".
local function read(reply, problem)
  local status, rest = string.match(reply, "^HTTP/1%.[01] (%d%d%d)[^\r\n]*\r?\n(.*)$")
  if not status then return problem == "timeout" and "timeout" or "garbage" end
  if status == "503" then return "unready" end
  if status ~= "200" and status ~= "401" then return "garbage" end
  local head, text = string.match("\n" .. rest, "^(.-\n)\r?\n(.*)$")
  if not head then return problem == "timeout" and "timeout" or "garbage" end
  local length = string.match(string.lower(head), "\ncontent%-length:%s*(%d+)")
  if length and tonumber(length) ~= #text then return problem == "timeout" and "timeout" or "garbage" end
  local score, verdict = string.match(text, "^(%d%d?%.?%d*)%s*(%a*)%s*$")
  score = tonumber(score)
  if not score or score > 10 then return "garbage" end
  if verdict == "" then verdict = status == "200" and "pass" or "deny" end
  if verdict ~= "pass" and verdict ~= "deny" then return "garbage" end
  return "ok", score, verdict
end

local function score_request()
  local url = setting("ml_server_url") or ""
  local budget = math.max(10, math.min(250, tonumber(setting("budget_ms")) or 50)) / 1000
  local failed, reply, problem = ask(url, describe(), budget)
  if failed then return failed end
  return read(reply, problem)
end

function main()
  local called, state, score, verdict = pcall(score_request)
  if not called then
    m.log(4, "machine-learning: " .. tostring(state))
    state = "error"
  end
  m.setvar(PREFIX .. "state", state)
  if state == "ok" then
    m.setvar(PREFIX .. "inbound_ml_anomaly_score", string.format("%.2f", score))
    m.setvar(PREFIX .. "tenths", string.format("%d", math.floor(score * 10 + 1e-6)))
    m.setvar(PREFIX .. "inbound_ml_status", verdict == "deny" and "0" or "1")
    if truncated then m.setvar(PREFIX .. "partial", "1") end
  elseif state ~= "unready" and os.time() % 30 == 0 then
    m.setvar(PREFIX .. "tell_failure", "1")
  end
  return nil
end
