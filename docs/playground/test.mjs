// The site in a real browser: `node docs/playground/test.mjs SITE FIXTURES CASES SCREENSHOTS`; docs/test-site calls it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [site, fixturesFile, casesFile, screenshots] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(fixturesFile, "utf8"));
const page = pathToFileURL(resolve(site, "playground/index.html")).href;
mkdirSync(screenshots, { recursive: true });

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const complaints = [];

/** A tab without a network that records every request except the page's own, and every console error. */
async function open(address, options = {}) {
    const context = await browser.newContext({ offline: true, ...options });
    const tab = await context.newPage();
    tab.on("request", (request) => {
        const url = request.url();
        if (!url.startsWith("data:") && url.split("#")[0] !== page) complaints.push(`request: ${url}`);
    });
    tab.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
    });
    tab.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    await tab.goto(address);
    await tab.waitForSelector("html[data-ready=yes]", { timeout: 20_000 });
    return tab;
}

const text = (tab, selector) => tab.locator(selector).innerText();

async function fill(tab, one) {
    const { realm, resource_org, resource_unresolved, account } = one.context;
    await tab.evaluate((fields) => {
        for (const [id, value] of Object.entries(fields)) document.getElementById(id).value = value;
        document.getElementById("form").dispatchEvent(new Event("input"));
    }, {
        method: one.method,
        path: one.path,
        authorization: one.authorization.join("\n"),
        owner: resource_unresolved ? "unresolved" : resource_org === null ? "unowned" : "owned",
        organization: resource_org ?? "",
        account,
        realm: (realm ?? []).join(" "),
        now: String(one.now),
        policy: JSON.stringify(one.policy),
        keys: JSON.stringify(one.more_keys.length === 0 ? one.keys : [{ jwks: one.keys }, ...one.more_keys]),
        revocations: JSON.stringify(one.revocations),
    });
}

// The example, by mouse, and a link that contains no token.
const desktop = await open(page, { viewport: { width: 1280, height: 1000 }, colorScheme: "light" });
await desktop.click("#example");
assert.match(await text(desktop, "#result"), /^Allowed: authorized/);
assert.equal(await desktop.locator("#steps li.passed").count(), await desktop.locator("#steps li").count());
await desktop.screenshot({ path: `${screenshots}/light.png`, fullPage: true });
const token = (await desktop.inputValue("#authorization")).split(" ")[1];
await desktop.click("#share");
const link = await desktop.getAttribute("#link", "href");
const shared = Buffer.from(new URL(link).hash.slice(1), "base64url").toString("utf8");
for (const segment of token.split(".")) assert.ok(!shared.includes(segment), "the link holds a part of the token");
const follower = await open(link);
assert.equal(await follower.inputValue("#authorization"), "");
assert.equal(await follower.inputValue("#keys"), await desktop.inputValue("#keys"));
assert.match(await text(follower, "#result"), /header_missing/);

// A secret of the key set is not in the link either.
await desktop.fill("#keys", JSON.stringify({ keys: [{ kty: "oct", k: "A".repeat(43), kid: "test-only-not-a-real-key" }] }));
await desktop.click("#share");
const withSecret = Buffer.from(new URL(await desktop.getAttribute("#link", "href")).hash.slice(1), "base64url").toString();
assert.ok(withSecret.includes("test-only-not-a-real-key") && !withSecret.includes("AAAA"));

// By keyboard only: the first control is reached and pressed without a mouse.
const keyboard = await open(page, { colorScheme: "dark", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
for (let presses = 0; presses < 5; presses += 1) {
    await keyboard.keyboard.press("Tab");
    if ((await keyboard.evaluate(() => document.activeElement.id)) === "example") break;
}
assert.equal(await keyboard.evaluate(() => document.activeElement.id), "example");
await keyboard.keyboard.press("Enter");
assert.match(await text(keyboard, "#result"), /^Allowed/);
await keyboard.fill("#organization", "org-b");
assert.match(await text(keyboard, "#result"), /resource_of_other_organization/);
assert.equal(await keyboard.locator("#steps li.failed").count(), 1);
assert.ok(await keyboard.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "wider than a telephone");
const dark = await keyboard.evaluate(() => getComputedStyle(document.body).backgroundColor);
const light = await desktop.evaluate(() => getComputedStyle(document.body).backgroundColor);
assert.notEqual(dark, light, "dark and light look the same");
await keyboard.screenshot({ path: `${screenshots}/telephone-dark.png`, fullPage: true });

// Every reason of the engine: decided as a case says, explained, and with a clause that the site has.
// In a text field an empty line looks like no line, so a line with one space stands for it.
const clausesPage = readFileSync(resolve(site, "clauses.html"), "utf8");
const printable = (one) => one.authorization.every((line) => /^[ -~]+$/.test(line));
// The field for the realm cannot express an empty realm or an id with a space either.
const realmShows = ({ context: { realm } }) => realm === null || (realm.length > 0 && realm.every((id) => /^[!-~]+$/.test(id)));
const scenario = (code) => {
    const able = cases.filter((one) => one.expected.reason === code && printable(one) && realmShows(one));
    return able.find((one) => one.authorization.length > 0) ?? able[0];
};
const codes = await desktop.evaluate(() => [...document.querySelectorAll("#reasons dt")].map((term) => term.textContent));
assert.ok(codes.length >= 30, `only ${codes.length} reasons`);
for (const code of [...codes, "authorized", "public_path"]) {
    const one = scenario(code);
    assert.ok(one, `no case for ${code}`);
    await fill(desktop, one);
    const shown = await text(desktop, "#result");
    assert.ok(shown.includes(`: ${code}`), `${one.id}: expected ${code}, shown: ${shown}`);
    const clause = one.expected.clause;
    assert.equal(await desktop.getAttribute("#result a", "href"), `../clauses.html#${clause.toLowerCase()}`, code);
    assert.ok(clausesPage.includes(`id="${clause.toLowerCase()}"`), `${clause} is not on the site`);
    const denied = one.expected.outcome === "deny";
    assert.equal(await desktop.locator("#steps li.failed").count(), denied ? 1 : 0, code);
    if (denied) {
        assert.ok((await text(desktop, "#advice")).length > 20, `${code} is not explained`);
        assert.equal(await desktop.locator("#reasons dt.current").textContent(), code);
    }
}
for (const one of cases) assert.ok(codes.includes(one.expected.reason) || one.expected.outcome === "allow", one.expected.reason);
await desktop.clock.setFixedTime(new Date("2020-01-01T00:00:00Z"));
await desktop.fill("#now", "");
await fill(desktop, { ...scenario("authorized"), now: "" });
assert.match(await text(desktop, "#result"), /clock_unusable/);
assert.ok((await text(desktop, "#advice")).length > 20);

// Up to here there was no request and no error.
assert.deepEqual(complaints, []);

// With a network, and an open server beside it, the page's policy still lets no request leave. Without the policy the same
// probes reach that server, so that it is the policy which holds them back.
const PROBES = ["fetch", "beacon", "image", "script", "style", "frame", "socket", "worker"];
const original = readFileSync(resolve(site, "playground/index.html"), "utf8");
const bare = original.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
assert.notEqual(bare, original, "the page has no policy");
const arrived = new Set();
const server = createServer((request, response) => {
    const name = request.url.slice(1).split("?")[0];
    if (name === "page" || name === "bare") {
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        response.end(name === "page" ? original : bare);
        return;
    }
    arrived.add(name);
    response.end();
});
server.on("upgrade", (request, socket) => {
    arrived.add(request.url.slice(1));
    socket.destroy();
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;

/** Loads a copy of the page that tries to connect; returns the received requests and the reported violations. */
async function probe(copy) {
    arrived.clear();
    const context = await browser.newContext();
    const tab = await context.newPage();
    const errors = [];
    tab.on("console", (message) => {
        if (message.type() === "error" && message.text().includes("Content Security Policy")) errors.push(message.text());
    });
    await tab.goto(`${origin}/${copy}`);
    await tab.waitForSelector("html[data-ready=yes]", { timeout: 20_000 });
    arrived.delete("favicon.ico");
    assert.deepEqual([...arrived], [], `${copy} asks for something by itself`);
    await tab.evaluate(async (from) => {
        const add = (name, attributes) => document.head.append(Object.assign(document.createElement(name), attributes));
        fetch(`${from}/fetch`).catch(() => {});
        navigator.sendBeacon(`${from}/beacon`, "x");
        add("img", { src: `${from}/image` });
        add("script", { src: `${from}/script` });
        add("link", { rel: "stylesheet", href: `${from}/style` });
        document.body.append(Object.assign(document.createElement("iframe"), { src: `${from}/frame` }));
        try {
            new WebSocket(`${from.replace("http", "ws")}/socket`);
        } catch {}
        try {
            new Worker(`${from}/worker`);
        } catch {}
        await new Promise((done) => setTimeout(done, 1500));
    }, origin);
    await context.close();
    return { requests: [...arrived].sort(), errors };
}

const unguarded = await probe("bare");
assert.deepEqual(unguarded, { requests: [...PROBES].sort(), errors: [] });
const closed = await probe("page");
assert.deepEqual(closed.requests, [], "the policy lets a request leave");
assert.ok(closed.errors.length >= PROBES.length, `only ${closed.errors.length} violations: ${closed.errors.join("; ")}`);
server.close();

// A developer of each kind of service finds the first lines.
for (const [name, line] of [["embed-rust", "AuthLayer::new(engine)"], ["embed-python", "auth.install(app)"], ["embed-javascript", "engine.decide("]]) {
    assert.ok(readFileSync(resolve(site, `${name}.html`), "utf8").includes(line), `${name} lacks ${line}`);
}

// The generated pages contain every row of the clause table, and every case of the checker.
// mdbook converts quotation marks and dashes to typographic ones.
const unset = (text) => text.replace(/[“”]/g, '"').replace(/[‘’]/g, "'").replaceAll("–", "--").replaceAll("…", "...");
const plain = (markdown) => unset(markdown.replaceAll("`", ""));
const rowsOf = async (name) => {
    const tab = await (await browser.newContext({ offline: true })).newPage();
    const outside = [];
    tab.on("request", (request) => /^(file|data|blob):/.test(request.url()) || outside.push(request.url()));
    await tab.goto(pathToFileURL(resolve(site, name)).href);
    const rows = await tab.evaluate(() =>
        [...document.querySelectorAll("main tr")].map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
    );
    assert.deepEqual(outside, [], `${name} asks for something outside of the site`);
    return rows.map((row) => row.map(unset));
};
const table = readFileSync(new URL("../../engine/src/manual/clauses.md", import.meta.url), "utf8");
const clauseRows = (await rowsOf("clauses.html")).map((row) => row.join(" | "));
for (const row of table.match(/^\| [A-Z]+-\d \|.*$/gm)) {
    const cells = plain(row).split(" | ").map((one) => one.replace(/^\| | \|$/g, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1"));
    assert.ok(clauseRows.includes(cells.join(" | ")), `the site's clause table lacks: ${row}`);
}
const catalogue = JSON.parse(readFileSync(casesFile, "utf8"));
const caseRows = new Map((await rowsOf("cases.html")).map((row) => [row[0], row]));
for (const { id, title, clauses, level } of catalogue) {
    const [, said, ofClauses, ofLevel] = caseRows.get(id) ?? assert.fail(`the site lacks the case ${id}`);
    assert.ok(said.startsWith(plain(title)), `${id}: ${said}`);
    assert.deepEqual([ofClauses, ofLevel], [clauses.join(" "), level], id);
}
assert.equal([...caseRows.keys()].filter((id) => id.includes("/")).length, catalogue.length, "the site has cases that are gone");

await browser.close();
console.log(`the site works in Chromium; screenshots are in ${screenshots}`);
