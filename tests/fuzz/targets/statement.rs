//! The target `statement` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ss_fuzz::statement(bytes));
