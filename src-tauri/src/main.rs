//! `kartei-desktop`: the window around [`kartei_app::App`].
//!
//! This crate only adapts: it opens the data folder, passes the one command through to
//! `kartei_protocol::commands::dispatch`, passes the host's events to the window, and turns the
//! files of a drop or of the command line into `files_opened`. It must not know SQL, HTTP or what a
//! command means.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod bridge;
mod drops;
mod window;

use std::process::ExitCode;

use arguments::{Arguments, Start};
use tauri::RunEvent;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Start::Open(arguments)) => run(arguments),
        Ok(Start::Say(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("kartei-desktop: {wrong}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> ExitCode {
    let built = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(tauri::generate_handler![bridge::call])
        .on_window_event(drops::on_window_event)
        .setup(move |shell| {
            window::open(shell.handle(), arguments)?;
            Ok(())
        })
        .build(tauri::generate_context!());
    let shell = match built {
        Ok(shell) => shell,
        Err(error) => {
            eprintln!("kartei-desktop: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = shell.run_return(|handle, event| {
        if let RunEvent::Exit = event {
            bridge::shut_down(handle);
        }
    });
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
