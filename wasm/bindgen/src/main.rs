//! Generates the JavaScript around a WebAssembly module: `artos-auth-bindgen MODULE FOLDER`.

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = &arguments[..] else { bail!("usage: artos-auth-bindgen MODULE FOLDER") };
    Bindgen::new()
        .input_path(module)
        .out_name("engine")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("{module} cannot be bound"))
}
