//! `kartei-desktop`: the window around [`kartei_app::Workplace`].
//!
//! This crate only adapts: it opens the data folder, passes the one command through to the shared
//! list, passes the host's events to the window, and turns the files of a drop, of the command line
//! or of another start of the program into `files_opened`. It must not know SQL, HTTP or what a
//! command means.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod bridge;
mod drops;
mod notices;
mod place;
mod window;

use std::process::ExitCode;

use arguments::{Arguments, Start};
use kartei_app::{Claim, Instance};
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
    let home = arguments.data_dir.unwrap_or_else(kartei_app::default_data_dir);
    // Before anything of the window: a second start is over at once.
    let instance = match Instance::claim(&home, &arguments.opens) {
        Ok(Claim::HandedOver) => return ExitCode::SUCCESS,
        Ok(Claim::First(instance)) => Some(instance),
        Ok(Claim::Alone) => None,
        // The folder cannot be written; opening it says so where the person sees it.
        Err(problem) => {
            tracing::error!(%problem, "Another start will not find this window");
            None
        }
    };
    let opens = arguments.opens;
    let built = tauri::Builder::default()
        // The menu in the bar of macOS, with the items that every program has there. Elsewhere the
        // window has what it needs.
        .enable_macos_default_menu(true)
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(tauri::generate_handler![bridge::call])
        .on_window_event(|window, event| {
            drops::on_window_event(window, event);
            place::on_window_event(window, event);
        })
        .setup(move |shell| {
            window::open(shell.handle(), &home, opens, instance)?;
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
    let code = shell.run_return(|handle, event| match event {
        RunEvent::Exit => bridge::shut_down(handle),
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => {
            let mut opens = kartei_app::Handover::default();
            urls.iter().for_each(|url| arguments::open(&mut opens, url.as_str()));
            window::take(handle, opens);
        }
        _ => {}
    });
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
