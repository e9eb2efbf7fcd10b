//! Downloads of the relay's files, each on a thread of its own: to a `.part` beside the place, which is used
//! again after a failure, and renamed once it is what the relay says that it is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kartei_protocol::desktop::{DownloadFile, DownloadRun, DownloadStage};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::uploads::FileInfo;
use kartei_relay_client::RelayClient;

use crate::app::App;
use crate::files::{self, of_write};
use crate::relay_files::{not_signed_in, of_file};
use crate::runs::{Shown, Telling};
use crate::sync;

/// Silence after which a connection is given up.
const SILENCE: Duration = Duration::from_secs(45);

/// A connection that broke is made again so often in a row without a byte in between.
const TRIES: u32 = 5;

/// The pause before it.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes that are read at once of a part that is here already.
const BLOCK_BYTES: usize = 256 * 1024;

/// How a download ended that was not broken off by a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cancelled,
}

/// Bytes of a part that is here.
struct Part {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Part {
    /// Opens the part, and reads what is there for its digest.
    fn open(path: &Path, size: u64) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        if file.metadata()?.len() > size {
            file.set_len(0)?;
        }
        let mut part = Self { hasher: blake3::Hasher::new(), bytes: 0, file: file.try_clone()? };
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(part),
                read => {
                    part.hasher.update(&block[..read]);
                    part.bytes += read as u64;
                }
            }
        }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.hasher, self.bytes) = (blake3::Hasher::new(), 0);
        Ok(())
    }

    fn add(&mut self, block: &[u8]) -> io::Result<()> {
        self.file.write_all(block)?;
        self.hasher.update(block);
        self.bytes += block.len() as u64;
        Ok(())
    }
}

/// Gets a file's bytes to `path`.
async fn fetch(
    client: &RelayClient,
    info: &FileInfo,
    path: &Path,
    cancel: &AtomicBool,
    mut tell: impl FnMut(u64),
) -> Result<End, Problem> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part_path = PathBuf::from(name);
    let failed = |error: io::Error| of_write(&part_path, &error);
    let mut part = Part::open(&part_path, info.size).map_err(failed)?;
    let mut tries = 0;
    while part.bytes < info.size {
        let before = part.bytes;
        let problem = match client.download(&info.id, part.bytes).await {
            Err(error) if error.is_transient() => of_file(&error, &info.id),
            Err(error) => return Err(of_file(&error, &info.id)),
            Ok(mut download) => {
                if download.from != part.bytes {
                    part.begin_anew().map_err(failed)?;
                }
                loop {
                    if cancel.load(Ordering::Relaxed) {
                        return Ok(End::Cancelled);
                    }
                    match tokio::time::timeout(SILENCE, download.next()).await {
                        Ok(Ok(Some(block))) => {
                            if part.bytes + block.len() as u64 > info.size {
                                part.begin_anew().map_err(failed)?;
                                return Err(other_content(info));
                            }
                            part.add(&block).map_err(failed)?;
                            tell(part.bytes);
                        }
                        Ok(Ok(None)) => break None,
                        Ok(Err(error)) => break Some(of_file(&error, &info.id)),
                        Err(_) => {
                            let message = "the relay's answer stands still";
                            break Some(Problem::new(ProblemCode::Offline, message));
                        }
                    }
                }
                .unwrap_or_else(|| Problem::new(ProblemCode::Offline, "the answer was cut off"))
            }
        };
        if cancel.load(Ordering::Relaxed) {
            return Ok(End::Cancelled);
        }
        tries = if part.bytes > before { 0 } else { tries + 1 };
        if part.bytes < info.size && tries >= TRIES {
            return Err(problem);
        }
        if part.bytes < info.size {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if part.hasher.finalize().to_hex().as_str() != info.digest {
        part.begin_anew().map_err(failed)?;
        return Err(other_content(info));
    }
    part.file.sync_all().map_err(failed)?;
    // Somebody may have put a file there meanwhile.
    files::must_not_exist(path)?;
    std::fs::rename(&part_path, path).map_err(|error| of_write(path, &error))?;
    Ok(End::Whole)
}

fn other_content(info: &FileInfo) -> Problem {
    let message =
        "what came is not what the relay says that the file is; nothing of it was kept; try again";
    Problem::new(ProblemCode::DigestMismatch, message).about(info.id.clone())
}

/// A name of data as the name of a file: without separators, and no other folder's.
fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .collect();
    let plain = plain.trim().trim_end_matches('.').to_owned();
    if plain.is_empty() || plain.starts_with('.') { format!("file{plain}") } else { plain }
}

impl App {
    /// Downloads a file on this thread; answers where it is. `tell` hears the bytes that are here, and all.
    ///
    /// # Errors
    /// A problem of the relay or the disk. What came is used by the next download to the same place.
    pub fn download_now(
        &self,
        request: &DownloadFile,
        mut tell: impl FnMut(u64, u64),
    ) -> Result<PathBuf, Problem> {
        let client = self.shared.transfers()?.ok_or_else(not_signed_in)?;
        let (info, path) = self.destination(&client, request)?;
        let never = AtomicBool::new(false);
        let size = info.size;
        sync::block_on(fetch(&client, &info, &path, &never, |bytes| tell(bytes, size)))??;
        Ok(path)
    }

    fn destination(
        &self,
        client: &RelayClient,
        request: &DownloadFile,
    ) -> Result<(FileInfo, PathBuf), Problem> {
        let info = sync::block_on(client.file(&request.id))?;
        let info = info.map_err(|e| of_file(&e, &request.id))?;
        let path = files::place(request.path.as_deref(), &plain(&info.name))?;
        Ok((info, path))
    }

    pub(crate) fn start_download(&self, request: &DownloadFile) -> Result<DownloadRun, Problem> {
        let client = self.shared.transfers()?.ok_or_else(not_signed_in)?;
        let (info, path) = self.destination(&client, request)?;
        let there = path.clone();
        let shown = |run, running: &[&DownloadRun]| {
            let path = there.display().to_string();
            if running.iter().any(|other| other.path == path) {
                return Err(files::unwritable(&there, "another download goes there already"));
            }
            Ok(DownloadRun {
                run,
                file: info.id.clone(),
                name: info.name.clone(),
                path,
                stage: DownloadStage::Running,
                bytes: 0,
                size: info.size,
                failure: None,
            })
        };
        let fetched = info.clone();
        self.downloads
            .start(&self.shared.hub, shown, move |telling| work(telling, &client, &fetched, &path))
    }
}

impl Shown for DownloadRun {
    const NAME: &'static str = "download";

    fn is_running(&self) -> bool {
        self.stage == DownloadStage::Running
    }

    fn event(self) -> HostEvent {
        HostEvent::Download { run: self }
    }
}

fn work(mut telling: Telling<DownloadRun>, client: &RelayClient, info: &FileInfo, path: &Path) {
    let cancel = telling.cancel();
    let fetched = fetch(client, info, path, &cancel, |bytes| {
        telling.progress(|shown| shown.bytes = bytes);
    });
    let end = sync::block_on(fetched).and_then(|end| end);
    telling.tell(|shown| match end {
        Ok(End::Whole) => (shown.stage, shown.bytes) = (DownloadStage::Done, shown.size),
        Ok(End::Cancelled) => shown.stage = DownloadStage::Cancelled,
        Err(problem) => {
            tracing::warn!(code = ?problem.code, "A download failed");
            (shown.stage, shown.failure) = (DownloadStage::Failed, Some(problem));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_data_leads_to_no_other_folder() {
        for (name, file) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "file.._.._etc_passwd"),
            ("a/b\\c:d", "a_b_c_d"),
            ("..", "file"),
            (".bashrc", "file.bashrc"),
            (" x\n ", "x_"),
            ("", "file"),
        ] {
            assert_eq!(plain(name), file, "{name:?}");
        }
    }
}
