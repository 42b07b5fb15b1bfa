// Errors that only JavaScript can make: missing arguments, coercions, clocks.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError, Engine, UNOWNED, UNRESOLVED, init, reasons } from "artos-auth";

// The example key of RFC 7515, appendix A.1.
const key = { kty: "oct", kid: "test-only-not-a-real-key", k: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" };
const engine = new Engine({ public: [{ path: "/status" }] }, { keys: [key] });
const token = ["Bearer a.b.c"];
const at = (options) => () => engine.decide("GET", "/x", token, options);

test("an owner that is left out is refused", () => {
    for (const options of [undefined, null, {}, { resource_org: undefined }, { account: "active" }]) {
        assert.throws(at(options), TypeError);
    }
    for (const resource_org of [1, false, {}, Symbol("else"), ["a"]]) assert.throws(at({ resource_org }), TypeError);
    for (const resource_org of ["org-a", null, UNOWNED, UNRESOLVED]) {
        assert.equal(at({ resource_org, now: 1_700_000_000 })().reason, "token_malformed");
    }
});

test("an unknown option is refused by name", () => {
    assert.throws(at({ resource_org: UNOWNED, resourceOrg: "a" }), /unknown option `resourceOrg`/);
});

test("authorization is a list of values, never one value read letter by letter", () => {
    const decide = (authorization) => () =>
        engine.decide("GET", "/x", authorization, { resource_org: UNOWNED, now: 1_700_000_000 });
    for (const wrong of ["Bearer x", new Uint8Array([66]), null, undefined, {}, [1], [null]]) {
        assert.throws(decide(wrong), TypeError);
    }
    assert.throws(decide(["Bearer €"]), TypeError);
    assert.equal(decide([])().reason, "header_missing");
    assert.equal(decide([new TextEncoder().encode("Bearer a.b.c")])().reason, "token_malformed");
    assert.equal(decide(["Bearer a", "Bearer b"])().reason, "header_repeated");
});

test("other arguments have one type", () => {
    for (const options of [{ realm: "org-a" }, { realm: [1] }, { account: "ACTIVE" }, { now: 1.5 }, { now: "1" }, { now: -1 }, { now: NaN }]) {
        assert.throws(at({ resource_org: UNOWNED, ...options }), TypeError);
    }
    assert.throws(() => engine.decide(1, "/x", [], { resource_org: UNOWNED }), TypeError);
    assert.throws(() => engine.decide("GET", undefined, [], { resource_org: UNOWNED }), TypeError);
});

test("a decision is no truth value and does not change", () => {
    const decision = at({ resource_org: UNOWNED })();
    assert.equal(decision.allowed, false);
    for (const coerce of [() => decision == true, () => `${decision}`, () => +decision]) assert.throws(coerce, TypeError);
    assert.throws(() => { decision.allowed = true; }, TypeError);
});

test("every way of asking gives the decision that `explain` shows", () => {
    const long = `Bearer ${"a".repeat(70_000)}`;
    const asks = [
        ["GET", "/x", [], {}],
        ["GET", "/x", token, {}],
        ["GET", "/status", token, {}],
        ["GET", "/status", [], { realm: ["org-b"] }],
        ["GET", "/stätus", token, {}],
        ["GÉT", "/x", token, { resource_org: "orgä" }],
        ["GET", "/x", ["Bearer \u00e4"], {}],
        ["GET", "/x", [Uint8Array.of(0x42, 0xff)], {}],
        ["GET", "/x", [long], {}],
        ["GET", "/x", ["a", "b"], {}],
        ["GET", "/x", ["\u0000"], {}],
        ["", "", [""], { resource_org: "" }],
    ];
    for (let round = 0; round < 2; round += 1) {
        for (const [method, path, authorization, more] of asks) {
            const options = { resource_org: UNRESOLVED, now: 1_700_000_000, ...more };
            const decided = engine.decide(method, path, authorization, options);
            assert.deepEqual({ ...decided }, { ...engine.explain(method, path, authorization, options).decision });
        }
    }
});

test("a realm counts for the decision that it is given for, and as it is then", async () => {
    const { createHmac } = await import("node:crypto");
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "HS256", kid: key.kid })}.${part({ sub: "u", org_id: "org-a", exp: 1_700_000_100 })}`;
    const mac = createHmac("sha256", Buffer.from(key.k, "base64url")).update(signed).digest("base64url");
    const realm = ["org-b"];
    const decide = (more) =>
        engine.decide("GET", "/x", [`Bearer ${signed}.${mac}`], { resource_org: "org-a", now: 1_700_000_000, ...more });
    assert.equal(decide({ realm }).reason, "organization_not_in_realm");
    realm[0] = "org-a";
    assert.equal(decide({ realm }).allowed, true);
    assert.equal(decide({ realm: [] }).reason, "organization_not_in_realm");
    const { principal } = decide({});
    assert.deepEqual(principal, {
        user_id: "u", org_id: "org-a", permissions: [], token_id: null, issued_at: null, expires_at: 1_700_000_100,
    });
    assert.equal(decide({ realm: ["org-b", "org-a"] }).allowed, true);
});

test("a clock before 2025 judges nothing but public paths", (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: 1_735_689_599_000 });
    const unavailable = at({ resource_org: UNOWNED })();
    assert.deepEqual({ ...unavailable }, {
        allowed: false, status: 503, detail: "Service unavailable", www_authenticate: null,
        reason: "clock_unusable", clause: "TOK-3", principal: null,
    });
    assert.equal(engine.decide("GET", "/status", [], { resource_org: UNOWNED }).allowed, true);
    // A time from the caller is used as it is.
    assert.equal(at({ resource_org: UNOWNED, now: 0 })().status, 401);
    context.mock.timers.setTime(1_735_689_600_000);
    assert.equal(at({ resource_org: UNOWNED })().status, 401);
});

test("a document that cannot be used is named, without key material", () => {
    const make = (...parts) => () => new Engine(...parts);
    assert.throws(make({ algorithm: [] }, { keys: [key] }), (error) => error instanceof ConfigError && /policy: .*algorithm/.test(error.message));
    assert.throws(make({}, { keys: [] }), (error) => error instanceof ConfigError && /^keys: /.test(error.message));
    assert.throws(make({}, { keys: [{ ...key, k: "c2VjcmV0LWlzaC1tYXRlcmlhbA" }] }), (error) => !error.message.includes("c2VjcmV0"));
    assert.throws(make({}, { keys: [key] }, { token: [] }), (error) => error instanceof ConfigError && /^revocations: /.test(error.message));
    for (const wrong of ["{}", null, 1]) assert.throws(make(wrong, { keys: [key] }), TypeError);
});

test("every reason has words for it", async () => {
    await init();
    const all = reasons();
    assert.ok(all.length >= 30);
    for (const { code, clause, status, detail, advice } of all) {
        assert.match(code, /^[a-z_]+$/);
        assert.match(clause, /^[A-Z]+-\d$/);
        assert.ok([401, 403].includes(status) && detail !== "" && advice.length > 20, code);
    }
});

test("warnings are of the policy, the keys and the revocations", () => {
    const policy = { routes: [{ path: "/admin/*", permissions: ["admin"] }] };
    const revocations = { organizations: [{ org: "*", issued_before: 1, expires: 2 }] };
    const { warnings } = new Engine(policy, { keys: [key, { kty: "x" }] }, revocations);
    for (const [place, about] of ["`routes[0].path`", "keys[1]", "`organizations`"].entries()) {
        assert.ok(warnings[place].includes(about), warnings.join("\n"));
    }
    assert.deepEqual(engine.warnings, []);
});
