//! Sizes and numbers of requests follow the link: the real relay behind links of different kinds, and what
//! the application tells of its upload meanwhile. Nothing is said of times: crates/upload-core does that on
//! simulated links.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_app::{App, AppOptions};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{AddUploads, Empty, SignIn, Upload, UploadStage};
use kartei_protocol::events::HostEvent;
use kartei_test_support::{Dice, FaultProxy, Http, Stage, Weather, until_some};

const MIB: u64 = 1024 * 1024;

/// How long an upload may take on a busy machine.
const SOON: Duration = Duration::from_secs(150);

/// What was told while the second half of the bytes went, when what the link does has been learned.
struct Seen {
    request_bytes: Vec<u64>,
    streams: Vec<u32>,
}

impl Seen {
    fn largest(&self) -> u64 {
        self.request_bytes.iter().copied().max().unwrap_or(0)
    }

    fn mean(&self) -> u64 {
        self.request_bytes.iter().sum::<u64>() / (self.request_bytes.len() as u64).max(1)
    }

    /// The median.
    fn usual_streams(&self) -> u32 {
        let mut streams = self.streams.clone();
        streams.sort_unstable();
        streams[streams.len() / 2]
    }

    fn most_streams(&self) -> u32 {
        self.streams.iter().copied().max().unwrap_or(0)
    }
}

/// A file of bytes that nothing compresses.
fn file(stage: &Stage, size: u64) -> Result<(PathBuf, String)> {
    let mut dice = Dice::seeded(size);
    let mut bytes = Vec::with_capacity(usize::try_from(size)?);
    while (bytes.len() as u64) < size {
        bytes.extend_from_slice(&dice.roll(u64::MAX).to_le_bytes());
    }
    let path = stage.path("link.bin");
    std::fs::write(&path, &bytes)?;
    Ok((path, blake3::hash(&bytes).to_string()))
}

/// Uploads so many bytes over a link. Answers what the application told.
fn upload(size: u64, link: Weather) -> Result<Seen> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]);
    let relay = home.start()?;
    let proxy = FaultProxy::start(&[SocketAddr::from(([127, 0, 0, 1], relay.port()?))], 5)?;
    let token = home.token("analyst", "uploader")?;
    let (path, digest) = file(&stage, size)?;
    let data_dir = stage.path("client");
    let app = App::open(AppOptions { data_dir, ..AppOptions::default() })?;
    app.sign_in(SignIn { url: proxy.url(), token: token.clone() })?;
    let told: Arc<Mutex<Vec<Upload>>> = Arc::default();
    let heard = Arc::clone(&told);
    app.subscribe(move |event| {
        if let HostEvent::Upload { upload } = event {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(upload.clone());
        }
    });
    proxy.set_weather(link);
    app.add_uploads(AddUploads { paths: vec![path.display().to_string()], attach: None })?;
    app.start_uploads()?;
    let ended = until_some(SOON, "the upload ends", || {
        let upload =
            app.list_uploads(Empty {})?.uploads.into_iter().next().context("it is listed")?;
        let is_open = matches!(
            upload.stage,
            UploadStage::Waiting | UploadStage::Running | UploadStage::Completing
        );
        Ok((!is_open).then_some(upload))
    });
    app.shutdown();
    let ended = ended?;
    assert_eq!(ended.stage, UploadStage::Done, "{ended:?}");
    let kept = Http::new(relay.url(), Some(&token)).get("/api/files")?.expect(200)?.json();
    assert_eq!(kept["files"][0]["digest"], digest.as_str());
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let late: Vec<&Upload> = told
        .iter()
        .filter(|upload| upload.stage == UploadStage::Running && upload.durable * 2 >= size)
        .collect();
    assert!(!late.is_empty(), "nothing was told of {size} bytes");
    Ok(Seen {
        request_bytes: late.iter().map(|upload| upload.request_bytes).collect(),
        streams: late.iter().map(|upload| upload.streams).collect(),
    })
}

#[test]
fn a_fast_link_gets_large_requests() -> Result<()> {
    let seen = upload(256 * MIB, Weather::CALM)?;
    // They begin with 4 MiB and double while one takes less than two seconds.
    assert!(seen.largest() >= 16 * MIB, "{:?}", seen.request_bytes);
    Ok(())
}

#[test]
fn a_slow_link_gets_small_requests_and_no_more_streams() -> Result<()> {
    // All streams share it, so more of them bring nothing: they are tried for two or three requests each,
    // and given up.
    let link = Weather { link_bytes_per_sec: Some(1_536 * 1024), ..Weather::CALM };
    let seen = upload(30 * MIB, link)?;
    assert!(seen.largest() <= 2 * MIB, "{:?}", seen.request_bytes);
    assert!(seen.usual_streams() <= 3, "{:?}", seen.streams);
    assert!(seen.most_streams() <= 4, "{:?}", seen.streams);
    Ok(())
}

#[test]
fn a_long_way_gets_more_streams() -> Result<()> {
    // What one stream's window lets through over the way's latency, where the link has room for more.
    let link = Weather { bytes_per_sec: Some(2 * MIB), ..Weather::CALM };
    let seen = upload(160 * MIB, link)?;
    assert!(seen.most_streams() >= 5, "{:?}", seen.streams);
    Ok(())
}

#[test]
fn a_lossy_link_gets_small_requests_and_few_streams() -> Result<()> {
    // A connection lives for 8 MiB on average.
    let seen = upload(96 * MIB, Weather { cut: 1, ..Weather::CALM })?;
    assert!(seen.mean() <= 12 * MIB, "{} of {:?}", seen.mean(), seen.request_bytes);
    assert!(seen.most_streams() <= 5, "{:?}", seen.streams);
    Ok(())
}
