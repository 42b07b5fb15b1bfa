// The HTML page of a run in a real browser: `node run-page.mjs REPORT.html SCREENSHOTS`; harness/main.py calls it. The report
// has wrongly allowed cases of one cause, warnings and skipped cases.
import assert from "node:assert/strict";
import { inEachWindow } from "./report-page.mjs";

const [file, screenshots] = process.argv.slice(2);

const checked = await inEachWindow(file, screenshots, async ({ tab, viewport, colorScheme, size }) => {
    const card = await tab.evaluate(() => getComputedStyle(document.querySelector("article")).backgroundColor);
    assert.equal(card === "rgb(255, 255, 255)", colorScheme === "light", `${colorScheme}: cards on ${card}`);

    // The verdict is what a reader sees first, and a wrongly allowed request comes before every other case.
    const verdict = tab.locator(".verdict");
    assert.match(await verdict.innerText(), /^violates\b/i);
    const place = await verdict.boundingBox();
    assert.ok(place.y + place.height <= viewport.height, `${size}: the verdict is at ${place.y}`);
    assert.match(await tab.locator("article").first().innerText(), /wrongly allowed[^]*curl [^]*HTTP\/1\.1 200/i);
    assert.match(await tab.locator("p.same").first().innerText(), /in \d+ more cases: [\w-]+\/[\w-]+/);

    // On a telephone the term stands above its text; on a desktop beside it.
    const term = await tab.locator("article dt").first().boundingBox();
    const text = await tab.locator("article dd").first().boundingBox();
    assert.equal(text.y >= term.y + term.height, size !== "desktop", `${size}: a term at ${term.y}, its text at ${text.y}`);

    // Skipped cases and the list of all cases open by a click; a failed case of the list leads to its card.
    for (const summary of await tab.locator("summary").all()) await summary.click();
    const closed = await tab.evaluate(() => [...document.querySelectorAll("details")].filter((one) => !one.open).length);
    assert.equal(closed, 0, `${size}: closed after the click`);
    assert.ok(await tab.locator("details ul.ids li").first().isVisible());
    const link = tab.locator("details td a").first();
    const target = tab.locator(`[id="${(await link.getAttribute("href")).slice(1)}"]`);
    await link.click();
    const shown = await target.boundingBox();
    assert.ok(shown.y > -1 && shown.y < viewport.height, `${size}: out of view, at ${shown.y}`);
    assert.ok((await target.innerText()).includes(await link.innerText()), "the link leads to another case");
});
console.log(`the page of a run: ${checked}`);
