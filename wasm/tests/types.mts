// Compiled by types.test.mjs, never run.
import { ConfigError, Engine, UNOWNED, UNRESOLVED, init, policyFromConfig, reasons } from "artos-auth";
import type { Decision, Options, Principal, Step } from "artos-auth";

const engine = new Engine({ audiences: ["https://api.example"] }, { keys: [] }, { tokens: ["t-1", { id: "t-2", expires: 1 }] });
const owner: string | null = Math.random() < 0.5 ? "org-a" : null;
const decision: Decision = engine.decide("GET", "/x", ["Bearer a.b.c"], { resource_org: owner });
const principal: Principal | null = decision.principal;
const permissions: readonly string[] = principal?.permissions ?? [];
const status: 200 | 401 | 403 | 503 = decision.status;
const { steps } = engine.explain("GET", "/x", [new Uint8Array()], { resource_org: UNOWNED, realm: ["a"], now: 1 });
const result: Step["result"] | undefined = steps[0]?.result;
const options: Options = { resource_org: UNRESOLVED, account: "not_a_member" };
const bound = new Engine(policyFromConfig(""), [{ jwks: { kty: "oct" }, issuer: "https://auth.example" }]);
const codes: string[] = reasons().map(({ code }) => code);
const loaded: Promise<void> = init();
export { bound, codes, loaded, options, permissions, status, result, ConfigError };

// @ts-expect-error an owner that is left out
engine.decide("GET", "/x", [], {});
// @ts-expect-error options that are left out
engine.decide("GET", "/x", []);
// @ts-expect-error one value instead of a list of them
engine.decide("GET", "/x", "Bearer a.b.c", { resource_org: "org-a" });
// @ts-expect-error another symbol
engine.decide("GET", "/x", [], { resource_org: Symbol("unowned") });
// @ts-expect-error an account that is not known
engine.decide("GET", "/x", [], { resource_org: "org-a", account: "member" });
// @ts-expect-error a misspelled option
engine.decide("GET", "/x", [], { resourceOrg: "org-a" });
// @ts-expect-error a decision does not change
decision.allowed = true;
// @ts-expect-error no policy
new Engine(undefined, { keys: [] });
