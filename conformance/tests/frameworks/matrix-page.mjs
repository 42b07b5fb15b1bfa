// The HTML page of a matrix in a real browser: `node matrix-page.mjs REPORT.html SCREENSHOTS`; harness/matrix.py calls it. The
// report has at least one cell that was wrongly allowed.
import assert from "node:assert/strict";
import { inEachWindow } from "./report-page.mjs";

const [file, screenshots] = process.argv.slice(2);

const checked = await inEachWindow(file, screenshots, async ({ tab, address, viewport, colorScheme, size }) => {
    const name = await tab.evaluate(() => getComputedStyle(document.querySelector("tbody th")).backgroundColor);
    assert.equal(name === "rgb(255, 255, 255)", colorScheme === "light", `${colorScheme}: names on ${name}`);

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
});
console.log(`the page of a matrix: ${checked}`);
