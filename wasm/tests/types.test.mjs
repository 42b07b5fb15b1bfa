// `index.d.ts` with TypeScript: correct programs compile, and incorrect ones do not.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

test("the types compile, and refuse what is forgotten", () => {
    // A line with `@ts-expect-error` and no error is itself an error.
    const flags = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"];
    const done = spawnSync("node_modules/.bin/tsc", [...flags, "types.mts"], { cwd: folder, encoding: "utf8" });
    assert.equal(done.status, 0, done.stdout);
});
