// The HTML page of a matrix in a real browser, without scripts: `node matrix-page.mjs REPORT.html SCREENSHOTS`;
// harness/matrix.py calls it. The report has at least one cell that was wrongly allowed.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const { chromium } = createRequire(resolve(here, "../../../docs/playground/package.json"))("playwright-core");
const [file, screenshots] = process.argv.slice(2);
const address = pathToFileURL(resolve(file)).href;
mkdirSync(screenshots, { recursive: true });

const SIZES = { phone: { width: 390, height: 800 }, desktop: { width: 1280, height: 900 } };

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3). */
function faint() {
    const numbers = (color) => {
        const parts = color.match(/[\d.]+/g).map(Number);
        const scale = color.startsWith("color(") ? 255 : 1;
        return [...parts.slice(0, 3).map((part) => part * scale), parts[3] ?? 1];
    };
    const over = (top, bottom) => top.slice(0, 3).map((part, at) => part * top[3] + bottom[at] * (1 - top[3]));
    const luminance = (color) => {
        const [red, green, blue] = color.map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const probe = document.body.appendChild(document.createElement("p"));
    probe.style.background = "Canvas";
    const canvas = numbers(getComputedStyle(probe).backgroundColor).slice(0, 3);
    probe.remove();
    const behind = (element) => {
        if (!element) return canvas;
        return over(numbers(getComputedStyle(element).backgroundColor), behind(element.parentElement));
    };
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        const shows = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (!shows || !element.checkVisibility()) continue;
        const background = behind(element);
        const text = over(numbers(getComputedStyle(element).color), background);
        const [dark, light] = [luminance(text), luminance(background)].sort((one, two) => one - two);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < 4.5) found.push(`${element.tagName} ${element.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
    return found;
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
        const context = await browser.newContext({ offline: true, javaScriptEnabled: false, viewport, colorScheme });
        const tab = await context.newPage();
        const complaints = [];
        tab.on("request", (request) => {
            if (request.url().split("#")[0] !== address) complaints.push(`request: ${request.url()}`);
        });
        tab.on("console", (message) => complaints.push(`console: ${message.text()}`));
        await tab.goto(address);

        // Nothing hangs out of the page; what is wider scrolls in its own box.
        const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${size}: the page is ${wide} px too wide`);
        const name = await tab.evaluate(() => getComputedStyle(document.querySelector("tbody th")).backgroundColor);
        assert.equal(name === "rgb(255, 255, 255)", colorScheme === "light", `${colorScheme}: names on ${name}`);
        assert.deepEqual(await tab.evaluate(faint), [], `${size}, ${colorScheme}: too faint`);
        await tab.screenshot({ path: resolve(screenshots, `${size}-${colorScheme}.png`) });

        // The operation's name stays in view when the table is scrolled to its last column.
        const box = tab.locator(".scroll");
        await box.evaluate((element) => (element.scrollLeft = element.scrollWidth));
        const [whole, first] = await Promise.all([box.boundingBox(), tab.locator("tbody th").first().boundingBox()]);
        const inside = first.x >= whole.x - 1 && first.x + first.width <= whole.x + whole.width;
        assert.ok(inside, `${size}: the names scroll away`);
        await box.evaluate((element) => (element.scrollLeft = 0));

        // A click on a failure or a sign opens its request and answer.
        for (const [sign, wanted] of [["li a", /^\w+\/\w+/], ["td.bad a", /^!!$/], ["td.ok a", /^ok$/]]) {
            await tab.goto(address);
            const link = tab.locator(sign).first();
            assert.match(await link.innerText(), wanted);
            const shown = tab.locator(`[id="${(await link.getAttribute("href")).slice(1)}"]`);
            assert.equal(await shown.isVisible(), false, `${sign}: open before the click`);
            await link.click();
            assert.equal(await shown.isVisible(), true, `${sign}: closed after the click`);
            assert.match(await shown.innerText(), /curl [^]*HTTP\/1\.1 \d{3}/);
            const place = await shown.boundingBox();
            assert.ok(place.y >= 0 && place.y < viewport.height, `${sign}: out of view, at ${place.y}`);
            const summary = await shown.evaluate((element) => {
                const { top, bottom } = element.closest("details").querySelector("summary").getBoundingClientRect();
                return [top, bottom];
            });
            assert.ok(summary[0] >= 0 && summary[1] <= viewport.height, `${sign}: its heading is at ${summary}`);
        }
        assert.deepEqual(await tab.evaluate(faint), [], `${size}, ${colorScheme}: too faint when open`);
        await tab.screenshot({ path: resolve(screenshots, `${size}-${colorScheme}-open.png`) });
        assert.deepEqual(complaints, []);
        await context.close();
    }
}
await browser.close();
console.log(`the page of a matrix at ${Object.keys(SIZES).join(" and ")} width, light and dark: ok`);
