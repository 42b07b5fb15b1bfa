// The script of the page: reads the form, calls the engine and shows every check. The build puts the engine in front of it.
const EXAMPLE = __EXAMPLE__;
const CLAUSES = "../clauses.html";
const element = (id) => document.getElementById(id);
const FIELDS = ["method", "path", "owner", "organization", "account", "realm", "now", "policy", "keys", "revocations"];
const SECRET = ["k", "d", "p", "q", "dp", "dq", "qi", "oth"];

function make(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
}

function json(id) {
    const text = element(id).value.trim();
    if (text === "") throw new Error(`${id}: empty; expected a JSON object`);
    try {
        return JSON.parse(text);
    } catch {
        throw new Error(`${id}: not JSON`);
    }
}

function policy() {
    const text = element("policy").value;
    return text.trim().startsWith("{") ? json("policy") : policyFromConfig(text);
}

function options() {
    const owner = element("owner").value;
    const seconds = element("now").value.trim();
    if (!/^\d*$/.test(seconds)) throw new Error("time: expected whole seconds since 1970");
    const realm = element("realm").value.split(" ").filter((id) => id !== "");
    return {
        resource_org: owner === "owned" ? element("organization").value : owner === "unowned" ? UNOWNED : UNRESOLVED,
        account: element("account").value,
        realm: realm.length === 0 ? null : realm,
        now: seconds === "" ? undefined : Number(seconds),
    };
}

function lines() {
    const text = element("authorization").value;
    return text === "" ? [] : text.split("\n");
}

function clauseLinks(clauses) {
    const span = make("span", " ");
    for (const clause of clauses) span.append(make("a", clause, { href: `${CLAUSES}#${clause.toLowerCase()}` }), " ");
    return span;
}

function showDecision(decision) {
    const result = element("result");
    result.className = decision.allowed ? "allowed" : "refused";
    const title = decision.allowed ? "Allowed" : `Refused with ${decision.status}`;
    const first = make("p", "");
    first.append(make("strong", title), make("span", `: ${decision.reason}`));
    if (decision.clause !== null) first.append(clauseLinks([decision.clause]));
    const parts = [first];
    const advice = ADVICE.get(decision.reason);
    if (advice) parts.push(make("p", advice, { id: "advice" }));
    if (decision.detail !== null) parts.push(make("p", `Body: {"detail":${JSON.stringify(decision.detail)}}`));
    if (decision.www_authenticate !== null) parts.push(make("p", `WWW-Authenticate: ${decision.www_authenticate}`));
    const who = decision.principal;
    if (who !== null) {
        parts.push(make("p", `User ${who.user_id} of organization ${who.org_id}; permissions: ${who.permissions.join(", ") || "none"}`));
    }
    result.replaceChildren(...parts);
    for (const term of element("reasons").querySelectorAll("dt")) {
        term.classList.toggle("current", term.textContent === decision.reason);
    }
}

function showSteps(steps, allowed) {
    const items = steps.map((step) => {
        const failed = step.result === "decided" && !allowed;
        const kind = step.result === "not reached" ? "not-reached" : failed ? "failed" : "passed";
        const item = make("li", "", { class: kind });
        const said = failed ? "✗ refused" : step.result === "not reached" ? "· not reached" : "✓ passed";
        item.append(make("span", `${step.check}: `), make("span", said, { class: "verdict" }), clauseLinks(step.clauses));
        if (step.note !== null) item.append(make("div", step.note));
        return item;
    });
    element("steps").replaceChildren(...items);
}

/** Header and claims of the token, for display only; they are not verified. */
function showToken() {
    const segments = (lines()[0] ?? "").replace(/^bearer /i, "").split(".").slice(0, 2);
    const decoded = segments.map((segment) => {
        try {
            const bytes = Uint8Array.from(atob(segment.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
            return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), null, 2);
        } catch {
            return "(not base64url of JSON)";
        }
    });
    element("token").textContent = decoded.join("\n");
}

function update() {
    try {
        const engine = new Engine(policy(), json("keys"), json("revocations"));
        const { decision, steps } = engine.explain(element("method").value, element("path").value, lines(), options());
        showDecision(decision);
        showSteps(steps, decision.allowed);
    } catch (error) {
        element("result").className = "refused";
        element("result").replaceChildren(make("p", error.message, { id: "problem" }));
        element("steps").replaceChildren();
    }
    showToken();
}

/** The content of a link: never the token, and no secret parts of keys. */
function shareable() {
    const fields = Object.fromEntries(FIELDS.map((id) => [id, element(id).value]));
    let isReduced = false;
    try {
        const set = JSON.parse(fields.keys);
        for (const key of Array.isArray(set.keys) ? set.keys : [set]) {
            for (const name of SECRET) {
                isReduced ||= name in key;
                delete key[name];
            }
        }
        fields.keys = JSON.stringify(set, null, 1);
    } catch {
        fields.keys = "";
    }
    return { fields, isReduced };
}

function share() {
    const { fields, isReduced } = shareable();
    const bytes = new TextEncoder().encode(JSON.stringify(fields));
    const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const link = new URL(location.href);
    link.hash = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const note = isReduced ? "Without the token, and without the secrets of the key set: " : "Without the token: ";
    element("shared").replaceChildren(note, make("a", "the link", { href: link.href, id: "link" }));
    navigator.clipboard?.writeText(link.href).then(() => element("shared").append(" (copied)"), () => {});
}

function readLink() {
    if (location.hash.length < 2) return;
    try {
        const text = atob(location.hash.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
        const fields = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
        for (const id of FIELDS) if (typeof fields[id] === "string") element(id).value = fields[id];
    } catch {
        element("shared").textContent = "The link cannot be read.";
    }
}

function example() {
    for (const [id, value] of Object.entries(EXAMPLE)) element(id).value = value;
    update();
}

const moduleBytes = Uint8Array.from(atob(WASM), (character) => character.charCodeAt(0));
initSync({ module: moduleBytes });
const REASONS = reasons();
const ADVICE = new Map(REASONS.map(({ code, advice }) => [code, advice]));
ADVICE.set("clock_unusable", "The clock of this machine says a time before 2025, so no token can be judged.");
for (const { code, clause, status, detail, advice } of REASONS) {
    const words = make("dd", `${status} ${detail}. ${advice}`);
    words.append(clauseLinks([clause]));
    element("reasons").append(make("dt", code), words);
}
readLink();
element("form").addEventListener("input", update);
element("form").addEventListener("submit", (event) => event.preventDefault());
element("example").addEventListener("click", example);
element("share").addEventListener("click", share);
window.addEventListener("hashchange", () => { readLink(); update(); });
update();
document.documentElement.dataset.ready = "yes";
