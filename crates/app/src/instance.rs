//! One window for a home folder: who comes first holds a lock, who comes later hands over what it
//! was asked to open and ends.
//!
//! ```text
//! window.lock     held by the first for as long as it runs; the system lets go of it with the process
//! window.address  the first's port on loopback and a secret, readable for this account only
//! ```
//! Only the standard library, so that it is the same on every system and needs no session bus.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kartei_local_store::make_private_folder;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde::{Deserialize, Serialize};

use crate::random;

const LOCK: &str = "window.lock";
const ADDRESS: &str = "window.address";

/// How long a second program waits for the first one to answer: it may just be starting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks whether the first one is ready.
const BETWEEN: Duration = Duration::from_millis(25);

/// How long either side waits for the other one's next byte.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A command line of a thousand long paths, many times over.
const HANDOVER_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The first one's answer to what it took.
const TAKEN: &str = "taken\n";

/// What a program was asked to open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Files to import, as whole paths.
    pub files: Vec<String>,
    /// A link, as it was given.
    pub link: Option<String>,
}

/// The first window of a home folder. The next program is the first one when this is dropped.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
    listener: TcpListener,
    secret: String,
}

/// Who a program is, among those that were started on a home folder.
#[derive(Debug)]
pub enum Claim {
    /// The first: it opens the window and listens to those that come.
    First(Instance),
    /// Another one is, and has taken what there was to open. This one ends.
    HandedOver,
    /// Another one is, and does not answer. Two windows on one folder do no harm.
    Alone,
}

impl Instance {
    /// Claims the window of `home`, or hands over to the program that has it.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn claim(home: &Path, handover: &Handover) -> Result<Claim, Problem> {
        Self::claim_within(home, handover, PATIENCE).map_err(|error| {
            let shown = home.display().to_string();
            let message = format!("the data folder cannot be opened: {shown}: {error}");
            Problem::new(ProblemCode::FileUnwritable, message).about(shown)
        })
    }

    fn claim_within(home: &Path, handover: &Handover, patience: Duration) -> io::Result<Claim> {
        make_private_folder(home)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(home.join(LOCK))?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Self::begin(home, lock).map(Claim::First),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            match hand_over(home, handover) {
                Ok(()) => return Ok(Claim::HandedOver),
                Err(error) if began.elapsed() >= patience => {
                    tracing::warn!(%error, "The window that is open already does not answer");
                    return Ok(Claim::Alone);
                }
                // It is starting, or ending: in a moment it answers, or the lock is free.
                Err(_) => thread::sleep(BETWEEN),
            }
        }
    }

    fn begin(home: &Path, lock: File) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let secret = random::hex::<16>().map_err(io::Error::other)?;
        write_private(&home.join(ADDRESS), &format!("{} {secret}\n", listener.local_addr()?))?;
        Ok(Self { _lock: lock, listener, secret })
    }

    /// Calls `take` with what each later program hands over, on a thread of its own.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn listen(&self, take: impl Fn(Handover) + Send + 'static) -> io::Result<()> {
        let (listener, secret) = (self.listener.try_clone()?, self.secret.clone());
        thread::Builder::new().name("instance".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                let read = stream.and_then(|stream| receive(&stream, &secret));
                match read {
                    Ok(handover) => take(handover),
                    // Any program of this machine can knock; one without the secret is not let in.
                    Err(error) => tracing::debug!(%error, "Somebody knocked at the window"),
                }
            }
        })?;
        Ok(())
    }
}

fn receive(mut stream: &TcpStream, secret: &str) -> io::Result<Handover> {
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    let mut reader = BufReader::new(stream.take(HANDOVER_BYTES_MAX));
    let mut said = String::new();
    reader.read_line(&mut said)?;
    if said.trim_end() != secret {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "without the secret"));
    }
    let handover = serde_json::from_reader(reader)?;
    stream.write_all(TAKEN.as_bytes())?;
    Ok(handover)
}

fn hand_over(home: &Path, handover: &Handover) -> io::Result<()> {
    let noted = fs::read_to_string(home.join(ADDRESS))?;
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "its address cannot be read");
    let (address, secret) = noted.trim_end().split_once(' ').ok_or_else(unreadable)?;
    let address: SocketAddr = address.parse().map_err(|_| unreadable())?;
    if !address.ip().is_loopback() {
        return Err(unreadable());
    }
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(format!("{secret}\n").as_bytes())?;
    serde_json::to_writer(&stream, handover)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(TAKEN.len() as u64).read_to_string(&mut answer)?;
    if answer == TAKEN { Ok(()) } else { Err(unreadable()) }
}

/// Writes a file that only this account can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    // One that is left of a program that died may have other permissions.
    let _ = fs::remove_file(partial);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(partial, path)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn first(home: &Path) -> Instance {
        match Instance::claim(home, &Handover::default()).unwrap() {
            Claim::First(instance) => instance,
            other => panic!("the first in an empty folder, not {other:?}"),
        }
    }

    fn some() -> Handover {
        let files = vec!["/a b.ndjson".to_owned(), "/ü.gz".to_owned()];
        Handover { files, link: Some("kartei://profile/a".to_owned()) }
    }

    #[test]
    fn the_second_hands_over_and_the_third_too() {
        let home = tempfile::tempdir().unwrap();
        let instance = first(home.path());
        let (sender, taken) = channel();
        instance.listen(move |handover| sender.send(handover).unwrap()).unwrap();
        for handover in [some(), Handover::default()] {
            let claim = Instance::claim(home.path(), &handover).unwrap();
            assert!(matches!(claim, Claim::HandedOver), "{claim:?}");
            assert_eq!(taken.recv().unwrap(), handover);
        }
    }

    #[test]
    fn another_folder_has_a_window_of_its_own() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let _first = first(one.path());
        first(other.path());
    }

    #[test]
    fn after_the_first_has_ended_the_next_is_the_first() {
        let home = tempfile::tempdir().unwrap();
        drop(first(home.path()));
        first(home.path());
    }

    #[test]
    fn a_window_that_does_not_answer_keeps_nobody_from_opening_one() {
        let home = tempfile::tempdir().unwrap();
        let _first = first(home.path());
        // Nobody listens at this address.
        fs::write(home.path().join(ADDRESS), "127.0.0.1:1 secret\n").unwrap();
        let claim = Instance::claim_within(home.path(), &some(), Duration::ZERO).unwrap();
        assert!(matches!(claim, Claim::Alone), "{claim:?}");
    }

    #[test]
    fn whoever_does_not_know_the_secret_is_not_let_in() {
        let home = tempfile::tempdir().unwrap();
        let instance = first(home.path());
        let (sender, taken) = channel();
        instance.listen(move |handover| sender.send(handover).unwrap()).unwrap();
        let address = instance.listener.local_addr().unwrap();
        let mut stranger = TcpStream::connect(address).unwrap();
        stranger.write_all(b"wrong\n{\"files\":[\"/etc/passwd\"],\"link\":null}").unwrap();
        stranger.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Closed or reset: no answer either way.
        let _ = stranger.read_to_end(&mut answer);
        assert!(answer.is_empty());
        Instance::claim(home.path(), &some()).unwrap();
        assert_eq!(taken.recv().unwrap(), some(), "and only that was taken");
    }

    #[cfg(unix)]
    #[test]
    fn the_secret_is_for_this_account_only() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let _first = first(home.path());
        let mode = fs::metadata(home.path().join(ADDRESS)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
