//! Checks that the built UI is there, says what to do where it is not, and hands over to Tauri.

use std::path::Path;
use std::{env, fs, io};

const PAGE: &str = "../ui/dist/index.html";

/// Stands in for the UI where only the shell is compiled (lints, editors).
const PLACEHOLDER: &str = "<!doctype html><meta charset=\"utf-8\"><title>Kartei</title>\
    <p>Built without its user interface. Run: cargo xtask ui</p>";

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    println!("cargo::rerun-if-env-changed=KARTEI_UI_PLACEHOLDER");
    if !Path::new(PAGE).exists() {
        if env::var_os("KARTEI_UI_PLACEHOLDER").is_none() {
            println!(
                "cargo::error=ui/dist is not built. Run `cargo xtask ui` first, or set \
                 KARTEI_UI_PLACEHOLDER=1 to compile the shell around an empty page."
            );
            return;
        }
        if let Err(error) = write_placeholder() {
            println!("cargo::error=cannot write the placeholder page {PAGE}: {error}");
            return;
        }
    }
    tauri_build::build();
}

fn write_placeholder() -> io::Result<()> {
    fs::create_dir_all("../ui/dist")?;
    fs::write(PAGE, PLACEHOLDER)
}
