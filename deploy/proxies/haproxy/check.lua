-- Checks each request with artos-auth: the HAProxy action `lua.artos_auth`. No library is needed.

local CHECK = "http://127.0.0.1:8080/_auth/verify"
-- The time limit of a check in milliseconds. After it, the request is refused.
local TIMEOUT = 5000
local IDENTITY = { "x-auth-user-id", "x-auth-org-id", "x-auth-permissions", "x-auth-token-id" }

-- The values of a field's lines, in the form that the HTTP client expects.
local function lines(headers, name)
    local values = {}
    for _, value in pairs(headers[name] or {}) do
        table.insert(values, value)
    end
    return values
end

core.register_action("artos_auth", { "http-req" }, function(txn)
    -- Refused unless the check below allows it.
    txn:set_var("txn.auth_status", 0)
    txn:set_var("txn.auth_challenge", "")

    local received = txn.http:req_get_headers()
    local ask = {
        -- The request, described in the family that artos-auth.toml names: target and query as received. Only these
        -- and Authorization are sent, so that the client cannot add one.
        ["x-original-method"] = { txn.f:method() },
        ["x-original-uri"] = { txn.f:pathq() },
        ["x-original-host"] = lines(received, "host"),
    }
    -- All its lines: artos-auth refuses more than one.
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
            -- haproxy.cfg has deleted the client's field; without a value it stays deleted.
            if value and value[0] and value[0] ~= "" then
                txn.http:req_set_header(name, value[0])
            end
        end
    end
    txn:set_var("txn.auth_status", answer.status)
end)
