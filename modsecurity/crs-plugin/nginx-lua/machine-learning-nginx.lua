-- Asks the scorer about a request from nginx's own Lua, before ModSecurity sees it, and hands the answer to the rules of the plugin in the
-- header X-Modwarden-Score: a secret of this worker, then "ok 7.25 0 0" (score, 1 pass or 0 deny, 1 when the scorer was sent a part of the
-- request only) or unready, timeout, down, garbage, error. nginx writes the header over whatever the client sent, and takes it away again
-- before the application sees the request. Should another file of the configuration overrule these directives for a server, the secret is
-- missing and the CRS decides.

local SCORER = "unix:/run/modwarden-score/score.sock"   -- or, for http://127.0.0.1:5000/, the pair SCORER, PORT = "127.0.0.1", 5000
local PORT = nil
local BUDGET_MS = 50
-- Of the headers as much as nginx lets through: a proxy names its client at the end of one.
local MAX_HEAD, MAX_HEADER, MAX_HEADERS, MAX_BODY, MAX_REPLY, MAX_REPLY_BYTES = 32768, 8192, 128, 8192, 64, 1024
local HEADER = "X-Modwarden-Score"

local function add(parts, key, value, limit)
  if value == nil or value == "" then return end
  if #value > limit then
    value = string.sub(value, 1, limit)
    parts.truncated = true
  end
  parts[#parts + 1] = #key + 1 + #value .. ":" .. key .. "=" .. value .. ","
end

-- The first bytes of the body, one more than are sent; a long one lies in a file. In HTTP/2 no header need announce a body, and some versions
-- of nginx's Lua (0.10.26) refuse to look for such a one: whether there is one must be guessed then.
local function read_body(parts, version)
  if version < 2 and not ngx.var.http_content_length and not ngx.var.http_transfer_encoding then return "" end
  if not pcall(ngx.req.read_body) then
    local method = ngx.req.get_method()
    parts.truncated = ngx.var.http_content_type ~= nil or (method ~= "GET" and method ~= "HEAD")
    return ""
  end
  local body = ngx.req.get_body_data()
  if body then return body end
  local path = ngx.req.get_body_file()
  if not path then return "" end
  local file = assert(io.open(path, "rb"))
  body = file:read(MAX_BODY + 1) or ""
  file:close()
  return body
end

local function cut(parts, text, limit)
  if #text <= limit then return text end
  parts.truncated = true
  return string.sub(text, 1, limit)
end

local function describe()
  local parts = {}
  add(parts, "id", ngx.var.request_id, 128)
  add(parts, "ip", ngx.var.remote_addr, 64)
  add(parts, "m", ngx.req.get_method(), 32)
  add(parts, "u", ngx.var.request_uri, MAX_BODY)
  add(parts, "p", ngx.var.server_protocol, 16)
  local version = ngx.req.http_version()
  local body = read_body(parts, version)
  if version < 2 then
    -- nginx puts an empty line behind a header with a blank at its end, and a NUL where there are no headers: either would end them too soon.
    local head = string.gsub("\n" .. ngx.req.raw_header(true), "[\r\n%z]+", "\n")
    -- Each is cut on its own: long headers must not push the body out.
    add(parts, "full", cut(parts, string.sub(head, 2), MAX_HEAD) .. "\n\n" .. cut(parts, body, MAX_BODY), MAX_HEAD + MAX_BODY + 2)
  else
    local headers, problem = ngx.req.get_headers(MAX_HEADERS, true)
    if problem then parts.truncated = true end
    for name, value in pairs(headers) do
      -- The NUL must stay within the limit: without it no scorer takes the message.
      name = cut(parts, name, 1024)
      for _, one in ipairs(type(value) == "table" and value or { value }) do add(parts, "h", name .. "\0" .. tostring(one), MAX_HEADER) end
    end
    add(parts, "bl", body ~= "" and tostring(#body) or nil, 16)
    add(parts, "b", body, MAX_BODY)
  end
  if parts.truncated then add(parts, "trunc", "1", 1) end
  return table.concat(parts), parts.truncated
end

-- Status, body, and whether the connection may be kept; nothing while more must come.
local function parse(text)
  local head, rest = string.match(text, "^(HTTP/1%.[01] %d%d%d.-\r\n\r\n)(.*)$")
  if not head then return nil end
  local lower = string.lower(head)
  local length = tonumber(string.match(lower, "\ncontent%-length:%s*(%d+)"))
  if not length or length > MAX_REPLY or #rest > length then return "0" end
  if #rest < length then return nil end
  return string.sub(head, 10, 12), rest, string.sub(head, 8, 8) == "1" and not string.find(lower, "\nconnection:%s*close")
end

-- Takes what comes piece by piece, since a timeout of nginx's sockets starts anew with every piece.
local function receive(socket, ends_at)
  local text = ""
  while #text < MAX_REPLY_BYTES do
    ngx.update_time()
    local left = ends_at - ngx.now() * 1000
    if left < 1 then return "timeout" end
    socket:settimeout(left)
    local piece, problem = socket:receiveany(MAX_REPLY_BYTES)
    if not piece then return (text ~= "" and problem == "closed") and "garbage" or problem end
    text = text .. piece
    local status, body, kept = parse(text)
    if status then return nil, status, body, kept end
  end
  return "garbage"
end

local function exchange(body, ends_at, is_last)
  local socket = ngx.socket.tcp()
  socket:settimeout(BUDGET_MS)
  local connected, problem = socket:connect(SCORER, PORT)
  if not connected then return problem == "timeout" and "timeout" or "down" end
  local reused = socket:getreusedtimes() > 0
  local sent, status, reply, kept
  sent, problem = socket:send({
    "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-modsec-ml\r\nContent-Length: ", #body, "\r\n\r\n", body,
  })
  if sent then problem, status, reply, kept = receive(socket, ends_at) end
  if problem then
    socket:close()
    -- A kept connection that the scorer has closed meanwhile is no answer.
    if problem ~= "timeout" and problem ~= "garbage" and reused and not is_last then return exchange(body, ends_at, true) end
    return problem == "timeout" and "timeout" or "garbage"
  end
  if kept then socket:setkeepalive(10000, 64) else socket:close() end
  if status == "503" then return "unready" end
  local score, verdict = string.match(reply or "", "^(%d%d?%.?%d*)%s*(%a*)%s*$")
  score = tonumber(score)
  if (status ~= "200" and status ~= "401") or not score or score > 10 then return "garbage" end
  if verdict == "" then verdict = status == "200" and "pass" or "deny" end
  if verdict ~= "pass" and verdict ~= "deny" then return "garbage" end
  return string.format("ok %.2f %s", score, verdict == "deny" and "0" or "1"), true
end

local function score()
  local body, is_part = describe()
  ngx.update_time()
  local answer, is_score = exchange(body, ngx.now() * 1000 + BUDGET_MS, false)
  return is_score and answer .. (is_part and " 1" or " 0") or answer
end

local function new_secret()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = assert(file:read(16))
  file:close()
  return (string.gsub(bytes, ".", function(byte) return string.format("%02x", string.byte(byte)) end))
end

local phase = ngx.get_phase()
if phase == "init_worker" then
  -- The environment of this worker only; the rules of the plugin look at it.
  local ffi = require("ffi")
  ffi.cdef("int setenv(const char *name, const char *value, int overwrite);")
  ffi.C.setenv("MODWARDEN_NGINX_LUA", new_secret(), 1)
elseif phase == "access" then
  ngx.req.clear_header(HEADER)
else
  local called, answer = pcall(score)
  if not called then
    ngx.log(ngx.ERR, "machine-learning: ", answer)
    answer = "error"
  end
  ngx.req.set_header(HEADER, os.getenv("MODWARDEN_NGINX_LUA") .. " " .. answer)
end
