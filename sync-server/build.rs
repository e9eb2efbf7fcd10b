//! Checks that the page for administrators is there, which the relay carries, and says what to do where it is not.

use std::path::Path;
use std::{env, fs, io};

const FOLDER: &str = "../ui/dist-admin";

/// Stands in for the page where only the relay is compiled (lints, editors).
const PLACEHOLDER: &str = "<!doctype html><meta charset=\"utf-8\"><title>Kartei</title>\
    <p>Built without its page for administrators. Run: cargo xtask ui</p>";

fn main() {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-env-changed=KARTEI_UI_PLACEHOLDER");
    if Path::new(FOLDER).join("admin.html").exists() {
        return;
    }
    if env::var_os("KARTEI_UI_PLACEHOLDER").is_none() {
        println!(
            "cargo::error=ui/dist-admin is not built. Run `cargo xtask ui` first, or set \
             KARTEI_UI_PLACEHOLDER=1 to compile the relay around an empty page."
        );
    } else if let Err(error) = write_placeholder() {
        println!("cargo::error=cannot write the placeholder page in {FOLDER}: {error}");
    }
}

fn write_placeholder() -> io::Result<()> {
    fs::create_dir_all(FOLDER)?;
    fs::write(Path::new(FOLDER).join("admin.html"), PLACEHOLDER)
}
