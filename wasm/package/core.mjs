// What every entry point shares: arguments are checked here, because what a caller forgets to say has to be refused.
import { NativeEngine, policyFromToml, reasonsAsJson } from "./engine.js";

/** The resource belongs to no organization in particular. */
export const UNOWNED = Symbol("artos-auth: unowned");
/** The service could not tell who owns the resource, so nobody may use it. `null` means the same. */
export const UNRESOLVED = Symbol("artos-auth: unresolved");

const ACCOUNTS = ["unknown", "active", "not_a_member", "not_configured"];
const OPTIONS = ["resource_org", "realm", "account", "now"];

/** A policy, a key set or a list of revocations that cannot be used. */
export class ConfigError extends Error {
    name = "ConfigError";
}

/** What `decide` returns. It has no truth value of its own: ask for `allowed`. */
class Decision {
    constructor(members) {
        Object.assign(this, members);
        if (this.principal !== null) {
            Object.freeze(this.principal.permissions);
            Object.freeze(this.principal);
        }
        Object.freeze(this);
    }

    [Symbol.toPrimitive]() {
        throw new TypeError("a decision is not a truth value; use `decision.allowed`");
    }
}

const noText = (name) => new TypeError(`\`${name}\` is a string`);

function latin1(value) {
    if (typeof value === "string") return value;
    if (value instanceof Uint8Array) return Array.from(value, (byte) => String.fromCharCode(byte)).join("");
    throw new TypeError("each value of `authorization` is a string or a Uint8Array");
}

function owner(options) {
    if (options.resource_org === undefined) {
        throw new TypeError("`resource_org` is missing: an organization's id, UNOWNED or UNRESOLVED");
    }
    const said = options.resource_org;
    if (said === UNOWNED) return "unowned";
    if (said === UNRESOLVED || said === null) return "unresolved";
    if (typeof said === "string") return { owned: said };
    throw new TypeError("`resource_org` is an organization's id, UNOWNED or UNRESOLVED");
}

function question(method, path, authorization, options) {
    if (typeof method !== "string") throw noText("method");
    if (typeof path !== "string") throw noText("path");
    if (!Array.isArray(authorization)) {
        throw new TypeError("`authorization` is a list of the values of all Authorization lines");
    }
    if (typeof options !== "object" || options === null) throw new TypeError("`resource_org` is missing");
    for (const name of Object.keys(options)) {
        if (!OPTIONS.includes(name)) {
            throw new TypeError(`unknown option \`${name}\`; expected ${OPTIONS.join(", ")}`);
        }
    }
    const { realm = null, account = "unknown", now } = options;
    if (realm !== null && !(Array.isArray(realm) && realm.every((id) => typeof id === "string"))) {
        throw new TypeError("`realm` is a list of organization ids");
    }
    if (!ACCOUNTS.includes(account)) throw new TypeError(`\`account\` is one of ${ACCOUNTS.join(", ")}`);
    if (now !== undefined && !(Number.isSafeInteger(now) && now >= 0)) {
        throw new TypeError("`now` is a time in whole seconds since 1970");
    }
    return JSON.stringify({
        method,
        path,
        authorization: authorization.map(latin1),
        realm,
        owner: owner(options),
        account,
        now: now ?? Math.max(0, Math.floor(Date.now() / 1000)),
        from_clock: now === undefined,
    });
}

function answer(ask) {
    try {
        return JSON.parse(ask());
    } catch (error) {
        throw error instanceof Error && error.message.includes("Latin-1") ? new TypeError(error.message) : error;
    }
}

/** A policy, keys and revocations, checked once and never changed. */
export class Engine {
    #native;

    constructor(policy, keys, revocations = {}) {
        const parts = { policy, keys, revocations };
        for (const [name, value] of Object.entries(parts)) {
            if (typeof value !== "object" || value === null) throw new TypeError(`\`${name}\` is an object`);
        }
        try {
            this.#native = new NativeEngine(...Object.values(parts).map((part) => JSON.stringify(part)));
        } catch (error) {
            throw new ConfigError(error.message);
        }
    }

    get notices() {
        return this.#native.notices();
    }

    decide(method, path, authorization, options) {
        const asked = question(method, path, authorization, options);
        return new Decision(answer(() => this.#native.decide(asked)));
    }

    explain(method, path, authorization, options) {
        const asked = question(method, path, authorization, options);
        const { decision, steps } = answer(() => this.#native.explain(asked));
        return { decision: new Decision(decision), steps };
    }
}

/** Every reason for a denial: code, clause, status, detail and what helps. */
export const reasons = () => JSON.parse(reasonsAsJson());

/** The policy of a configuration file: its `[policy]`, or the whole text if it has none. */
export function policyFromConfig(text) {
    try {
        return JSON.parse(policyFromToml(text));
    } catch (error) {
        throw new ConfigError(error.message);
    }
}
