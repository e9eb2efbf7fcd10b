//! Prints the schema of all commands and events; `cargo xtask codegen` stores it.

fn main() {
    println!("{:#}", kartei_protocol::commands::command_schema());
}
