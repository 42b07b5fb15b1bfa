// Every case of fixtures/, in WebAssembly: `node --test wasm/tests/`, after `wasm/build`.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Engine, UNOWNED, UNRESOLVED } from "../pkg/node.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const command = ["run", "--quiet", "--locked", "--package", "artos-auth-fixtures", "--example", "cases-as-json"];
const cases = JSON.parse(execFileSync("cargo", command, { cwd: root, maxBuffer: 1 << 28, encoding: "utf8" }));

function ask(one) {
    const keys = one.more_keys.length === 0 ? one.keys : [{ jwks: one.keys }, ...one.more_keys];
    const { realm, resource_org, resource_unresolved, account } = one.context;
    const options = {
        realm,
        account,
        now: one.now,
        resource_org: resource_unresolved ? UNRESOLVED : resource_org ?? UNOWNED,
    };
    const engine = new Engine(one.policy, keys, one.revocations);
    const { decision, steps } = engine.explain(one.method, one.path, one.authorization, options);
    const decided = engine.decide(one.method, one.path, one.authorization, options);
    assert.deepEqual(decision, decided, `${one.file}/${one.id}: explain decides otherwise`);
    assert.equal(steps.filter((step) => step.verdict === "decided").length, 1, `${one.file}/${one.id}`);
    return decided;
}

test("every case is decided as written", () => {
    assert.ok(cases.length >= 771, `only ${cases.length} cases`);
    for (const one of cases) {
        const { outcome, status, detail, www_authenticate, reason, clause, principal } = one.expected;
        const expected = { allowed: outcome === "allow", status, detail, www_authenticate, reason, clause, principal };
        assert.deepEqual({ ...ask(one) }, expected, `${one.file}/${one.id}`);
    }
});
