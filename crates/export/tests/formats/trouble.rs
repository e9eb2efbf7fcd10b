//! What goes wrong says what failed, and leaves nothing that looks whole.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use kartei_export::{Batch, Error, Format, Options, Source, write};

use crate::common::{Records, canonical, full, go_on, some, try_export};

/// A disk with room for so many bytes.
struct Disk {
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records whose texts no compression makes small, more than every buffer holds.
fn many() -> Vec<String> {
    let mut state = 1_u64;
    (0..300)
        .map(|i| {
            let mut notes = String::new();
            while notes.len() < 6000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                notes.push_str(&format!("{:08x}", state >> 32));
            }
            canonical(&serde_json::json!({"schema": "user_profile.v1", "id": format!("p{i}"),
                "notes": notes, "observations": [{"id": notes[..128], "signal": "s", "value": 1,
                "at": "2026-01-01T00:00:00Z", "source": notes[..200]}]}))
        })
        .collect()
}

#[test]
fn a_full_disk_is_a_write_error_wherever_it_happens() {
    let records = many();
    for format in Format::ALL {
        let options = Options::new(format);
        let bytes = try_export(&records, &options).unwrap().1.bytes;
        let size = usize::try_from(bytes).unwrap();
        for room in [0, size / 2, size - 1] {
            let mut source = Records::new(&records);
            let failed = write(&mut source, &options, Disk { room }, &mut go_on).unwrap_err();
            let Error::Write { profiles, source } = failed else {
                panic!("{format:?} with room for {room}: {failed}")
            };
            assert_eq!(source.kind(), io::ErrorKind::StorageFull, "{format:?}");
            assert!(profiles <= 300);
        }
        let mut source = Records::new(&records);
        write(&mut source, &options, Disk { room: size }, &mut go_on).expect("just enough room");
    }
}

#[test]
fn a_cancelled_stream_is_no_complete_gzip_or_parquet() {
    let records = many();
    for format in [Format::NdjsonGz, Format::Parquet] {
        let mut out = Vec::new();
        let mut source = Records::new(&records);
        let cancel = |progress: kartei_export::Progress| match progress.profiles {
            290 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        // A batch of 290 makes both passes tell of it; the first must go on.
        let mut passes = u32::from(!format.has_first_pass());
        let mut second = |progress: kartei_export::Progress| match cancel(progress) {
            ControlFlow::Break(()) if passes == 0 => {
                passes = 1;
                ControlFlow::Continue(())
            }
            flow => flow,
        };
        let stopped = write(&mut source, &Options::new(format), &mut out, &mut second);
        assert!(matches!(stopped, Err(Error::Cancelled)), "{format:?}");
        if format == Format::NdjsonGz {
            assert!(!out.is_empty(), "a part went out before");
            let mut text = Vec::new();
            let read = flate2::read::GzDecoder::new(&*out).read_to_end(&mut text);
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        } else {
            assert!(!out.ends_with(b"PAR1") || out.len() == 4, "no footer");
        }
    }
}

#[test]
fn a_damaged_record_is_named_by_its_place_and_not_shown() {
    for damage in [
        r#"{"id":"secret-1","schema":"user_profile.v1""#,
        r#"{"id":"secret-1","schema":"user_profile.v2"}"#,
        r#"{"id":"secret-1","schema":"user_profile.v1","secret-2":1}"#,
        r#"{"id":"secret-1","observations":[{"id":"a","signal":"s","value":"secret-3","at":"2026-01-01T00:00:00Z"}],"schema":"user_profile.v1"}"#,
        r#"{"schema":"user_profile.v1"}"#,
        "",
    ] {
        let mut records = some();
        records.push(damage.to_owned());
        for format in [Format::Csv, Format::CsvObservations, Format::Parquet] {
            let failed = try_export(&records, &Options::new(format)).unwrap_err();
            assert!(matches!(failed, Error::Record { position: 4, .. }), "{format:?} {damage}");
            let shown = format!("{failed} {failed:?}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}

#[test]
fn an_instant_that_is_none_is_a_damaged_record_in_parquet() {
    let text = r#"{"created_at":"yesterday","id":"a","schema":"user_profile.v1"}"#.to_owned();
    let failed = try_export(&[text], &Options::new(Format::Parquet)).unwrap_err();
    assert!(matches!(failed, Error::Record { position: 1, .. }), "{failed}");
}

#[test]
fn a_line_feed_would_break_the_lines() {
    let text = "{\"id\":\"a\",\n\"schema\":\"user_profile.v1\"}".to_owned();
    let failed = try_export(&[text], &Options::new(Format::Ndjson)).unwrap_err();
    assert!(matches!(failed, Error::Record { position: 1, byte: 11, .. }), "{failed}");
}

#[test]
fn profiles_that_change_between_the_passes_are_noticed() {
    let mut other_attribute = full();
    other_attribute["attributes"]["late"] = 1.into();
    let mut other_type = full();
    other_type["attributes"]["age"] = "old".into();
    let mut other_signal = full();
    other_signal["observations"][0]["signal"] = "late".into();
    for (changed, format) in [
        (&other_attribute, Format::Csv),
        (&other_attribute, Format::Parquet),
        (&other_signal, Format::Csv),
        (&other_type, Format::Parquet),
    ] {
        let mut source = Records::new(&[canonical(&full())]);
        source.changed = Some(vec![canonical(changed)]);
        let failed = write(&mut source, &Options::new(format), Vec::new(), &mut go_on);
        assert!(matches!(failed, Err(Error::Changed { position: 1 })), "{format:?}");
    }
}

/// A source whose reading fails after the first batch.
struct Failing {
    records: Vec<String>,
}

impl Source for Failing {
    type Error = io::Error;

    fn next(&mut self, batch: &mut Batch) -> io::Result<()> {
        let Some(record) = self.records.pop() else {
            return Err(io::Error::other("the storage is gone"));
        };
        batch.push(&record);
        Ok(())
    }

    fn rewind(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_the_source_says_is_passed_on() {
    for format in Format::ALL {
        let mut source = Failing { records: vec![canonical(&full())] };
        let failed = write(&mut source, &Options::new(format), Vec::new(), &mut go_on);
        let Err(Error::Source(reason)) = failed else { panic!("{format:?}: {failed:?}") };
        assert_eq!(reason.to_string(), "the storage is gone");
    }
}
