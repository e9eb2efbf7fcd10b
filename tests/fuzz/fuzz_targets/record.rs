//! See `kartei_tests::fuzz::record`.
#![no_main]

use std::sync::LazyLock;

use kartei_profile::RecordSchema;

static SCHEMA: LazyLock<RecordSchema> = LazyLock::new(RecordSchema::user_profile_v1);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kartei_tests::fuzz::record(&SCHEMA, bytes));
