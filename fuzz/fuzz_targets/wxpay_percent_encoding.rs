#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| channel_wxpay::fuzzing::percent_encoding(bytes));
