// Bundles the playground into one file that works offline: `node docs/playground/bundle.mjs FOLDER`, after `wasm/build`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

/** A module's text without its imports and exports. */
const inline = (text) =>
    text
        .replace(/^import .*;$/gm, "")
        .replace(/^export \{[^}]*\};?$/gm, "")
        .replace(/^export (?=async |function|class|const)/gm, "");

/** A token of the fixtures that is valid at one time, with the public key that verifies it. */
function example() {
    const { cases } = JSON.parse(read("fixtures/cases/hdr-1.json"));
    const { authorization } = cases.find((one) => one.id === "frozen-ed25519");
    const { d, ...key } = JSON.parse(read("fixtures/keys/ed25519.json"));
    return {
        method: "GET",
        path: "/api/v1/templates/",
        authorization: authorization[0],
        owner: "owned",
        organization: "org-a",
        account: "unknown",
        realm: "",
        now: "1700000000",
        policy: '[[routes]]\npath = "/api/v1/templates/"\npermissions = ["documents:read"]\n',
        keys: JSON.stringify({ keys: [key] }, null, 1),
        revocations: '{"tokens": []}',
    };
}

const script = [
    inline(read("wasm/pkg/engine.js")),
    inline(read("wasm/pkg/core.mjs")),
    `const WASM = "${readFileSync(new URL("wasm/pkg/engine_bg.wasm", root)).toString("base64")}";`,
    read("docs/playground/playground.mjs").replace("__EXAMPLE__", () => JSON.stringify(example())),
].join("\n");
if (/<\/script|<!--/i.test(script)) throw new Error("the script cannot be put into a page");
const style = read("docs/playground/style.css");
const hash = (text) => createHash("sha256").update(text).digest("base64");
const parts = { STYLE_HASH: hash(style), SCRIPT_HASH: hash(script), STYLE: style, SCRIPT: script };
const page = read("docs/playground/page.html").replace(/@([A-Z_]+)@/g, (_, name) => parts[name]);
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/index.html`, page);
