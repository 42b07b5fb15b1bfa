// Browsers and edge workers: call `await init()` once, with the module, its bytes, or its URL if the default does not
// fit.
import load from "./engine.js";

export * from "./core.mjs";
export const init = async (module = new URL("./engine_bg.wasm", import.meta.url)) => {
    await load({ module_or_path: module });
};
