// The site in a real browser: `node docs/playground/test.mjs SITE CASES SCREENSHOTS`; docs/test-site calls it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [site, casesFile, screenshots] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(casesFile, "utf8"));
const page = pathToFileURL(resolve(site, "playground/index.html")).href;
mkdirSync(screenshots, { recursive: true });

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const complaints = [];

/** A tab without a network, in which every request but the page's own, and every console error, is a complaint. */
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

// The example, by mouse, and a link that holds no token.
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

// By keyboard alone: the first control is reached, and pressed, without a mouse.
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

// Every reason: decided as the case says, and explained.
const printable = (one) => one.authorization.every((line) => /^[ -~]*$/.test(line) && line === line.trim());
const byReason = new Map();
for (const one of cases) if (printable(one) && one.authorization.join("") !== "") byReason.set(one.expected.reason, one);
for (const one of cases) if (!byReason.has(one.expected.reason) && one.authorization.length === 0) byReason.set(one.expected.reason, one);
const codes = await desktop.evaluate(() => [...document.querySelectorAll("#reasons dt")].map((term) => term.textContent));
for (const code of new Set(cases.map((one) => one.expected.reason))) {
    // An empty line cannot be told from no line in a text field.
    if (code === "header_empty" && !byReason.has(code)) continue;
    const one = byReason.get(code);
    assert.ok(one, `no case for ${code}`);
    await fill(desktop, one);
    const shown = await text(desktop, "#result");
    assert.ok(shown.includes(`: ${code}`), `${one.id}: expected ${code}, shown: ${shown}`);
    if (one.expected.outcome === "deny") {
        assert.ok(codes.includes(code), `${code} is not in the list of reasons`);
        assert.ok((await text(desktop, "#advice")).length > 20, `${code} is not explained`);
        assert.equal(await desktop.locator("#steps li.failed").count(), 1, code);
    }
}

// A connection is refused by the page's policy, even with a network.
const online = await open(page, { offline: false });
const blocked = await online.evaluate(() => fetch("http://127.0.0.1:9/").then(() => false, () => true));
assert.ok(blocked);
const expected = complaints.splice(0).filter((complaint) => !complaint.includes("Content Security Policy"));
assert.deepEqual(expected.filter((complaint) => !complaint.includes("127.0.0.1:9")), []);

// The site has what the playground links to.
const clauses = readFileSync(resolve(site, "clauses.html"), "utf8");
for (const one of cases) assert.ok(clauses.includes(`id="${one.expected.clause.toLowerCase()}"`), one.expected.clause);
assert.ok(readdirSync(site).includes("conformance.html"));

await browser.close();
console.log(`the site works in Chromium; screenshots are in ${screenshots}`);
