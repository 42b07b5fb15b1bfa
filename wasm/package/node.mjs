// Node, Deno and Bun: importing this file loads the module from its file.
import { readFileSync } from "node:fs";
import { initSync } from "./engine.js";

initSync({ module: readFileSync(new URL("./engine_bg.wasm", import.meta.url)) });

export * from "./core.mjs";
/** Nothing to do here; browsers need it. */
export const init = async () => {};
