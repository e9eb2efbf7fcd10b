//! Files: complete under their name, or not there.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use kartei_export::{Error, Existing, Format, Options, Phase, free_path, write_file};

use crate::common::{Records, export, go_on, some};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_format_becomes_one_file_with_what_a_stream_would_hold() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let options = Options::new(format);
        let path = folder.path().join(format!("{format:?}.{}", format.extension()));
        let mut source = Records::new(&some());
        let written =
            write_file(&mut source, &options, &path, Existing::Refuse, &mut go_on).unwrap();
        assert_eq!(written.path, path);
        assert_eq!(fs::read(&path).unwrap(), export(&some(), &options), "{format:?}");
        assert_eq!(written.summary.bytes, fs::metadata(&path).unwrap().len());
    }
    assert_eq!(names(folder.path()).len(), Format::ALL.len(), "no temporary file is left");
}

#[test]
fn what_is_there_stays_unless_it_may_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    fs::write(&path, "precious").unwrap();
    let options = Options::new(Format::Ndjson);
    let run =
        |existing| write_file(&mut Records::new(&some()), &options, &path, existing, &mut go_on);
    let refused = run(Existing::Refuse).unwrap_err();
    assert!(matches!(&refused, Error::Exists { path: taken } if *taken == path), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let second = run(Existing::NextFree).unwrap();
    assert_eq!(second.path, folder.path().join("a (2).ndjson"));
    assert_eq!(run(Existing::NextFree).unwrap().path, folder.path().join("a (3).ndjson"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    assert_eq!(run(Existing::Replace).unwrap().path, path);
    assert_eq!(fs::read(&path).unwrap(), fs::read(&second.path).unwrap());
    assert_eq!(names(folder.path()), ["a (2).ndjson", "a (3).ndjson", "a.ndjson"]);
}

#[test]
fn a_file_that_comes_up_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let mut comes_up = |_| {
        fs::write(&path, "precious").unwrap();
        ControlFlow::Continue(())
    };
    let options = Options::new(Format::Ndjson);
    let mut source = Records::new(&some());
    let refused = write_file(&mut source, &options, &path, Existing::Refuse, &mut comes_up);
    assert!(matches!(refused, Err(Error::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert_eq!(names(folder.path()), ["a.ndjson"]);
}

#[test]
fn the_number_of_a_free_name_goes_before_the_whole_ending() {
    let folder = tempfile::tempdir().unwrap();
    for (taken, format, expected) in [
        ("a.ndjson.gz", Format::NdjsonGz, "a (2).ndjson.gz"),
        ("b.c.csv", Format::Csv, "b.c (2).csv"),
        ("plain", Format::Csv, "plain (2)"),
        ("x.txt", Format::Csv, "x (2).txt"),
    ] {
        let path = folder.path().join(taken);
        assert_eq!(free_path(&path, format).unwrap(), path, "free as it is");
        fs::write(&path, "").unwrap();
        assert_eq!(free_path(&path, format).unwrap(), folder.path().join(expected));
    }
}

#[test]
fn cancelling_leaves_no_file_in_either_phase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.out");
    fs::write(&path, "precious").unwrap();
    for format in Format::ALL {
        for phase in [Phase::FindingColumns, Phase::Writing] {
            if phase == Phase::FindingColumns && !format.has_first_pass() {
                continue;
            }
            let mut told = Vec::new();
            let mut cancel = |progress: kartei_export::Progress| {
                told.push((progress.phase, progress.profiles));
                if progress.phase == phase {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let options = Options::new(format);
            let mut source = Records::new(&some());
            let stopped = write_file(&mut source, &options, &path, Existing::Replace, &mut cancel);
            assert!(matches!(stopped, Err(Error::Cancelled)), "{format:?}");
            assert_eq!(told.last(), Some(&(phase, 2)), "after the first batch of two");
        }
    }
    assert_eq!(names(folder.path()), ["a.out"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("a.csv");
    let options = Options::new(Format::Csv);
    let mut source = Records::new(&some());
    let failed =
        write_file(&mut source, &options, &path, Existing::Refuse, &mut go_on).unwrap_err();
    assert!(matches!(&failed, Error::File { path, .. } if path.ends_with("missing")), "{failed}");
    assert!(failed.to_string().contains("missing"));
}
