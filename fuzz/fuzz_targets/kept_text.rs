#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| store_postgres::fuzzing::kept_text(bytes));
