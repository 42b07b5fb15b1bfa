// Shared by all entry points. Arguments are checked here, because a missing argument must be refused.
import { NativeEngine, moduleMemory, policyFromToml, reasonsAsJson } from "./engine.js";

/** The resource belongs to no organization in particular. */
export const UNOWNED = Symbol("artos-auth: unowned");
/** The service could not tell who owns the resource, so the request is denied. `null` means the same. */
export const UNRESOLVED = Symbol("artos-auth: unresolved");

const ACCOUNTS = ["unknown", "active", "not_a_member", "not_configured"];
const OPTIONS = ["resource_org", "realm", "account", "now"];
const [OWNED, NOT_OWNED, NOT_RESOLVED] = [0, 1, 2];

/** The error for an invalid policy, key set or list of revocations. */
export class ConfigError extends Error {
    name = "ConfigError";
}

/** The result of `decide`. Every object is truthy, so check `allowed`. */
class Decision {
    constructor({ allowed, status, detail, www_authenticate, reason, clause, principal }) {
        this.allowed = allowed;
        this.status = status;
        this.detail = detail;
        this.www_authenticate = www_authenticate;
        this.reason = reason;
        this.clause = clause;
        if (principal !== null) {
            Object.freeze(principal.permissions);
            Object.freeze(principal);
        }
        this.principal = principal;
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

/** Checks the arguments: a missing or misspelled one, or one of another type, is an error. */
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
    const { resource_org, realm = null, account = "unknown", now } = options;
    let ownerKind;
    if (typeof resource_org === "string") ownerKind = OWNED;
    else if (resource_org === UNOWNED) ownerKind = NOT_OWNED;
    else if (resource_org === UNRESOLVED || resource_org === null) ownerKind = NOT_RESOLVED;
    else if (resource_org === undefined) {
        throw new TypeError("`resource_org` is missing: an organization's id, UNOWNED or UNRESOLVED");
    } else throw new TypeError("`resource_org` is an organization's id, UNOWNED or UNRESOLVED");
    if (realm !== null && !(Array.isArray(realm) && realm.every((id) => typeof id === "string"))) {
        throw new TypeError("`realm` is a list of organization ids");
    }
    const accountKind = ACCOUNTS.indexOf(account);
    if (accountKind < 0) throw new TypeError(`\`account\` is one of ${ACCOUNTS.join(", ")}`);
    if (now !== undefined && !(Number.isSafeInteger(now) && now >= 0)) {
        throw new TypeError("`now` is a time in whole seconds since 1970");
    }
    return {
        method,
        path,
        authorization: authorization.map(latin1),
        realm,
        ownerKind,
        owner: ownerKind === OWNED ? resource_org : "",
        accountKind,
        now: now ?? Math.max(0, Math.floor(Date.now() / 1000)),
        fromClock: now === undefined,
    };
}

/** The JSON form of a request, for `explain`, and for requests that are not ASCII or have several lines. */
function asJson({ method, path, authorization, realm, ownerKind, owner, accountKind, now, fromClock }) {
    return JSON.stringify({
        method,
        path,
        authorization,
        realm,
        owner: ownerKind === OWNED ? { owned: owner } : ownerKind === NOT_OWNED ? "unowned" : "unresolved",
        account: ACCOUNTS[accountKind],
        now,
        from_clock: fromClock,
    });
}

function answer(ask) {
    try {
        return JSON.parse(ask());
    } catch (error) {
        throw error instanceof Error && error.message.includes("Latin-1") ? new TypeError(error.message) : error;
    }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A policy, keys and revocations, checked once and never changed. */
export class Engine {
    #native;
    /** The module's memory as bytes, and the part of it that takes a request's texts. */
    #memory = new Uint8Array();
    #input = new Uint8Array();
    /** The realm that is set in the module. */
    #realm = null;
    /** Cached decisions without a principal, by the module's return value, which determines them. */
    #known = new Map();

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

    get warnings() {
        return this.#native.warnings();
    }

    decide(method, path, authorization, options) {
        const asked = question(method, path, authorization, options);
        if (asked.authorization.length > 1 || !this.#write(asked)) return this.#decideJson(asked);
        this.#setRealm(asked.realm);
        const ofMethod = method.length;
        const ofPath = ofMethod + path.length;
        const ofOwner = ofPath + asked.owner.length;
        const value = asked.authorization[0];
        const end = value === undefined ? undefined : ofOwner + value.length;
        const result = this.#native.decide(
            ofMethod, ofPath, ofOwner, end, asked.ownerKind, asked.accountKind, asked.now, asked.fromClock,
        );
        if (result < 0) return this.#allow(-result);
        let decision = this.#known.get(result);
        if (decision === undefined) {
            decision = this.#decideJson(asked);
            this.#known.set(result, decision);
        }
        return decision;
    }

    explain(method, path, authorization, options) {
        const asked = question(method, path, authorization, options);
        const { decision, steps } = answer(() => this.#native.explain(asJson(asked)));
        return { decision: new Decision(decision), steps };
    }

    #decideJson(asked) {
        return new Decision(answer(() => this.#native.decideJson(asJson(asked))));
    }

    /** Writes the strings of a request into the module's memory, if all of them are ASCII, as in nearly every request. */
    #write({ method, path, owner, authorization: [value = ""] }) {
        const text = method + path + owner + value;
        // Growing the memory replaces its buffer.
        if (text.length > this.#input.length || this.#memory.length === 0) {
            const size = Math.max(4096, 2 * text.length);
            const at = this.#native.input(size);
            this.#memory = new Uint8Array(moduleMemory().buffer);
            this.#input = this.#memory.subarray(at, at + size);
        }
        // A non-ASCII character takes more than one byte, so the text may not fit.
        return encoder.encodeInto(text, this.#input.subarray(0, text.length)).read === text.length;
    }

    #setRealm(realm) {
        const known = this.#realm;
        if (realm === known) return;
        if (realm !== null && known !== null && realm.length === known.length && realm.every((id, at) => id === known[at])) {
            return;
        }
        this.#native.setRealm(realm ?? undefined);
        // A copy that the caller cannot change.
        this.#realm = realm === null ? null : [...realm];
    }

    #allow(length) {
        // Allocating the principal may have grown the memory.
        if (this.#memory.length === 0) this.#memory = new Uint8Array(moduleMemory().buffer);
        const at = this.#native.output();
        return new Decision({
            ...ALLOWED,
            principal: JSON.parse(decoder.decode(this.#memory.subarray(at, at + length))),
        });
    }
}

const ALLOWED = {
    allowed: true, status: 200, detail: null, www_authenticate: null, reason: "authorized", clause: "ORG-4", principal: null,
};

/** Every reason for a denial: code, clause, status, detail and advice. */
export const reasons = () => JSON.parse(reasonsAsJson());

/** The policy of a configuration file: its `[policy]`, or the whole text if it has none. */
export function policyFromConfig(text) {
    try {
        return JSON.parse(policyFromToml(text));
    } catch (error) {
        throw new ConfigError(error.message);
    }
}
