#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialect_wecard::fuzzing::body(bytes));
