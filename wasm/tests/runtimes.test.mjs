// The package under every runtime: Node, Deno and Bun decide every case as written.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const folder = fileURLToPath(new URL(".", import.meta.url));
const RUNTIMES = {
    node: [process.execPath],
    deno: ["node_modules/.bin/deno", "run", "--allow-read", "--no-prompt", "--cached-only"],
    bun: ["node_modules/.bin/bun", "run"],
};

for (const [name, [command, ...flags]] of Object.entries(RUNTIMES)) {
    test(`${name} decides every case as written`, { concurrency: true }, async () => {
        const run = promisify(execFile)(command, [...flags, "cases.mjs", "node_modules/cases.json"], { cwd: folder });
        assert.match((await run).stdout, /^\d+ cases$/m);
    });
}
