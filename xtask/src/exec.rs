//! Runs programs: shown, quiet, or shown and kept.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};

/// Prints a heading that is found again in a long log.
pub(crate) fn heading(text: &str) {
    println!("\n━━ {text} ━━");
}

/// Runs a program with its output shown. It gets no input: nothing here may wait for a person.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    println!("$ {}", words(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", words(command));
    }
    Ok(())
}

/// Runs a program and answers what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}\n{}", words(command), output.status, said.trim_end());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is no text", words(command)))
}

/// Whether a program can be started and says yes.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a program with its output shown, and answers both streams as one text together with
/// whether it succeeded.
pub(crate) fn show_and_keep(command: &mut Command) -> Result<(bool, String)> {
    println!("$ {}", words(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    let kept = Arc::new(Mutex::new(String::new()));
    let errors = child.stderr.take().map(|stream| tee(stream, &kept));
    let output = child.stdout.take().map(|stream| tee(stream, &kept));
    let status = child.wait()?;
    for reader in [errors, output].into_iter().flatten() {
        // A reader that panicked has printed why; its text is lost, the status is not.
        let _ = reader.join();
    }
    let text = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((status.success(), text))
}

fn tee(stream: impl Read + Send + 'static, kept: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let kept = Arc::clone(kept);
    thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            line.clear();
        }
    })
}

fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|a| a.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}
