// Opens an HTML report in a real browser, without scripts and without a network, as on a telephone and on a desktop, light
// and dark. What holds for every report is checked here: nothing is wider than the page, nothing is fetched, and every text
// stands out from what is behind it. `run-page.mjs` and `matrix-page.mjs` check the rest.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const { chromium } = createRequire(resolve(here, "../../../docs/playground/package.json"))("playwright-core");

// 320 px is the width at which a page must still need no horizontal scrolling (WCAG 2.2, 1.4.10).
const SIZES = {
    narrow: { width: 320, height: 640 },
    phone: { width: 390, height: 800 },
    desktop: { width: 1280, height: 900 },
};

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

/** Texts that are out of the page, other than in a box that scrolls by itself. */
function outside() {
    const width = document.documentElement.clientWidth;
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        if (!element.checkVisibility() || element.closest(".scroll")) continue;
        for (const node of element.childNodes) {
            if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
            // A text may be wider than the box of its element.
            const range = document.createRange();
            range.selectNode(node);
            const { left, right } = range.getBoundingClientRect();
            if (left < -1 || right > width + 1) found.push(`${element.tagName} ${node.data.trim().slice(0, 40)}`);
        }
    }
    return found;
}

/** Checks the page as it is shown now. */
async function checkShown(tab, name) {
    assert.deepEqual(await tab.evaluate(outside), [], `${name}: out of the page`);
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name}: the page is ${wide} px too wide`);
    assert.deepEqual(await tab.evaluate(faint), [], `${name}: too faint`);
}

/**
 * Opens the report at each size, light and dark, and checks it before and after `look` has used it. `look` gets the tab,
 * the page's address, the viewport, the color scheme and the name of the size.
 */
export async function inEachWindow(file, screenshots, look) {
    const address = pathToFileURL(resolve(file)).href;
    mkdirSync(screenshots, { recursive: true });
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    for (const [size, viewport] of Object.entries(SIZES)) {
        for (const colorScheme of ["light", "dark"]) {
            const name = `${size}-${colorScheme}`;
            const context = await browser.newContext({ offline: true, javaScriptEnabled: false, viewport, colorScheme });
            const tab = await context.newPage();
            const complaints = [];
            tab.on("request", (request) => {
                if (request.url().split("#")[0] !== address) complaints.push(`request: ${request.url()}`);
            });
            tab.on("console", (message) => complaints.push(`console: ${message.text()}`));
            await tab.goto(address);
            await checkShown(tab, name);
            await tab.screenshot({ path: resolve(screenshots, `${name}.png`) });
            await look({ tab, address, viewport, colorScheme, size });
            await checkShown(tab, `${name}, used`);
            await tab.screenshot({ path: resolve(screenshots, `${name}-used.png`), fullPage: size !== "narrow" });
            assert.deepEqual(complaints, []);
            await context.close();
        }
    }
    await browser.close();
    return `${Object.keys(SIZES).join(", ")}, light and dark: ok`;
}
