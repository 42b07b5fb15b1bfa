/** The resource belongs to no organization in particular, such as a collection that the handler filters. */
export declare const UNOWNED: unique symbol;
/** The service could not tell who owns the resource, so the request is denied. `null` means the same. */
export declare const UNRESOLVED: unique symbol;

/** The organization that owns the resource. Leaving it out is an error; `null` is unresolved and opens nothing. */
export type ResourceOrg = string | null | typeof UNOWNED | typeof UNRESOLVED;
/** The state of the user's account in the token's organization, if the service knows it. */
export type Account = "unknown" | "active" | "not_a_member" | "not_configured";

/** The `[policy]` of the configuration file, with the same keys. */
export interface Policy {
    algorithms?: string[];
    issuers?: string[];
    audiences?: string[];
    leeway_seconds?: number;
    max_token_bytes?: number;
    realm?: string;
    types?: string[];
    claims?: object;
    public?: { path: string; methods?: string[] }[];
    routes?: { methods?: string[]; path: string; permissions: string[] }[];
    unlisted?: "allow" | "deny";
    required?: Record<string, unknown>;
    bound_tokens?: "refuse" | "accept";
    [key: string]: unknown;
}

/** A JWK Set (RFC 7517 §5) or a single JWK. */
export type JwkSet = { keys: object[] } | { kty: string; [member: string]: unknown };
/** A JWK Set, bound to an issuer and organizations. */
export interface BoundKeys {
    jwks: JwkSet;
    issuer?: string | null;
    organizations?: string[] | null;
}

/** The revocation file, as an object. */
export interface Revocations {
    tokens?: (string | { id: string; expires?: number })[];
    signed_sha256?: (string | { id: string; expires?: number })[];
    users?: { org?: string; user: string; issued_before: number; expires?: number }[];
    organizations?: { org: string; issued_before: number; expires?: number }[];
    [key: string]: unknown;
}

export interface Options {
    resource_org: ResourceOrg;
    /** The organizations whose tokens authenticate here. Default: every organization. */
    realm?: string[] | null;
    /** Default: `unknown`. */
    account?: Account;
    /** Seconds since 1970, for tests. Default: the system clock; a clock before 2025 gives 503. */
    now?: number;
}

export interface Principal {
    readonly user_id: string;
    readonly org_id: string;
    readonly permissions: readonly string[];
    readonly token_id: string | null;
    readonly issued_at: number | null;
    readonly expires_at: number;
}

/** A decision. An object is always truthy in JavaScript, so check `allowed`, never `if (decision)`. */
export interface Decision {
    readonly allowed: boolean;
    readonly status: 200 | 401 | 403 | 503;
    readonly detail: string | null;
    readonly www_authenticate: string | null;
    readonly reason: string;
    readonly clause: string | null;
    /** `null` on a public path and for every denial. */
    readonly principal: Principal | null;
}

/** One check, in the order in which they are made. */
export interface Step {
    readonly check: string;
    readonly clauses: readonly string[];
    readonly result: "passed" | "decided" | "not reached";
    readonly note: string | null;
}

/** The error for an invalid policy, key set or list of revocations; the message names the key. */
export declare class ConfigError extends Error {}

/** A policy, keys and revocations, checked once and never changed. */
export declare class Engine {
    /** @throws {ConfigError} if one of the documents cannot be used. */
    constructor(policy: Policy, keys: JwkSet | BoundKeys[], revocations?: Revocations);
    /** Warnings about the policy, the keys and the revocations: entries that are ignored, or that protect less than intended. */
    readonly warnings: string[];
    /**
     * Decides a request.
     * @param path the request-target as received, query included, nothing decoded
     * @param authorization the values of all `Authorization` lines, as bytes or Latin-1 text
     */
    decide(method: string, path: string, authorization: (string | Uint8Array)[], options: Options): Decision;
    /** The same decision with every check. */
    explain(
        method: string,
        path: string,
        authorization: (string | Uint8Array)[],
        options: Options,
    ): { decision: Decision; steps: Step[] };
}

/** Every reason for a denial. */
export declare function reasons(): { code: string; clause: string; status: number; detail: string; advice: string }[];

/**
 * The policy of a configuration file of the server: its `[policy]`, or the whole text if it has none.
 * @throws {ConfigError} if the text is not TOML.
 */
export declare function policyFromConfig(toml: string): Policy;

/** Loads the module. Call it once, before anything else, in browsers and edge workers. */
export declare function init(module?: URL | string | Response | BufferSource | WebAssembly.Module): Promise<void>;
