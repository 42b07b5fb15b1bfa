// Decides every case of fixtures/ in the runtime that runs this, and fails where one is not decided as written.
// `RUNTIME cases.mjs CASES`, where CASES is the cases as JSON.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";

import { Engine, UNOWNED, UNRESOLVED } from "artos-auth";

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));

function check(one) {
    const name = `${one.file}/${one.id}`;
    const keys = one.more_keys.length === 0 ? one.keys : [{ jwks: one.keys }, ...one.more_keys];
    const { realm, resource_org, resource_unresolved, account } = one.context;
    const options = {
        realm,
        account,
        now: one.now,
        resource_org: resource_unresolved ? UNRESOLVED : resource_org ?? UNOWNED,
    };
    const engine = new Engine(one.policy, keys, one.revocations);
    const { outcome, status, detail, www_authenticate, reason, clause, principal } = one.expected;
    const expected = { allowed: outcome === "allow", status, detail, www_authenticate, reason, clause, principal };
    const decided = engine.decide(one.method, one.path, one.authorization, options);
    assert.deepEqual({ ...decided }, expected, name);
    const { decision, steps } = engine.explain(one.method, one.path, one.authorization, options);
    assert.deepEqual({ ...decision }, expected, `${name}: explain decides otherwise`);
    assert.equal(steps.filter((step) => step.result === "decided").length, 1, name);
}

assert.ok(cases.length >= 771, `only ${cases.length} cases`);
cases.forEach(check);
console.log(`${cases.length} cases`);
