// Node, Deno and Bun: the module is loaded from its file when this is imported.
import { readFileSync } from "node:fs";
import { initSync } from "./engine.js";

initSync({ module: readFileSync(new URL("./engine_bg.wasm", import.meta.url)) });

export * from "./core.mjs";
/** Nothing to do here; browsers need it. */
export const init = async () => {};
