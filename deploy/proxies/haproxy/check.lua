-- Asks artos-auth about each request: the HAProxy action `lua.artos_auth`. No library is needed.

local CHECK = "http://127.0.0.1:8080/_auth/verify"
-- Milliseconds without an answer after which the request is refused.
local TIMEOUT = 5000
local IDENTITY = { "x-auth-user-id", "x-auth-org-id", "x-auth-permissions", "x-auth-token-id" }

-- The values of a field's lines, as the HTTP client takes them.
local function lines(headers, name)
    local values = {}
    for _, value in pairs(headers[name] or {}) do
        table.insert(values, value)
    end
    return values
end

core.register_action("artos_auth", { "http-req" }, function(txn)
    -- Nothing is allowed unless the check says so below.
    txn:set_var("txn.auth_status", 0)
    txn:set_var("txn.auth_challenge", "")

    local received = txn.http:req_get_headers()
    local ask = {
        -- The request, described in the family that artos-auth.toml names: target and query as received. Nothing but
        -- these and Authorization is sent, so that no field of the client's can be taken for one of them.
        ["x-original-method"] = { txn.f:method() },
        ["x-original-uri"] = { txn.f:pathq() },
        ["x-original-host"] = lines(received, "host"),
    }
    -- All lines of it: artos-auth refuses more than one.
    if received["authorization"] then
        ask["authorization"] = lines(received, "authorization")
    end

    local client = core.httpclient()
    local answer = client:get({ url = CHECK, headers = ask, timeout = TIMEOUT })
    if not answer or not answer.status then
        return
    end
    local headers = answer.headers or {}
    local challenge = headers["www-authenticate"]
    if challenge then
        txn:set_var("txn.auth_challenge", challenge[0])
    end
    if answer.status == 200 then
        for _, name in ipairs(IDENTITY) do
            local value = headers[name]
            -- Deleted already in haproxy.cfg: a field with nothing to say stays away.
            if value and value[0] and value[0] ~= "" then
                txn.http:req_set_header(name, value[0])
            end
        end
    end
    txn:set_var("txn.auth_status", answer.status)
end)
