//! Attacks on the host's resources: time, memory, handles, calls, log.

use guest_bindings::clocks::monotonic_clock;
use guest_bindings::http::{Request, build};
use guest_bindings::progress::{self, Level};
use guest_bindings::{secrets, timer, vault};

use crate::Arguments;

pub(crate) fn compute() -> Result<String, String> {
    let mut n: u64 = 0;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
        if n == u64::MAX {
            return Ok("the end of time".into());
        }
    }
}

pub(crate) fn memory() -> Result<String, String> {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1; 1 << 20]));
        if hoard.len() > 1 << 20 {
            return Ok("a terabyte".into());
        }
    }
}

/// Header sets that are never given back.
pub(crate) fn headers() -> Result<String, String> {
    for _ in 0..10_000_000 {
        std::mem::forget(guest_bindings::wasi::http::types::Fields::new());
    }
    Ok("ten million handles".into())
}

/// Requests that are built, not sent and never given back.
pub(crate) fn requests() -> Result<String, String> {
    let request = Request { url: "https://example.com/".into(), ..Request::default() };
    for _ in 0..10_000_000 {
        std::mem::forget(build(&request)?);
    }
    Ok("ten million requests".into())
}

pub(crate) fn big_header() -> Result<String, String> {
    let value = "x".repeat(1 << 20);
    let request = Request {
        url: "https://example.com/".into(),
        headers: vec![("x-big".into(), value)],
        ..Request::default()
    };
    build(&request).map(|_| "a megabyte of headers".into())
}

pub(crate) fn host_calls() -> Result<String, String> {
    for _ in 0..u64::MAX {
        std::hint::black_box(monotonic_clock::now());
    }
    Ok("no end of calls".into())
}

pub(crate) fn log(arguments: &Arguments) -> Result<String, String> {
    let line = "spam ".repeat(200);
    for _ in 0..arguments.number("lines") {
        progress::log(Level::Info, &line);
        println!("{line}");
    }
    Ok("logged".into())
}

pub(crate) fn big_text() -> Result<String, String> {
    progress::log(Level::Info, &"x".repeat(100 << 20));
    Ok("100 MiB in one call".into())
}

/// Waits in the host, where no epoch ends it.
pub(crate) fn hang() -> Result<String, String> {
    monotonic_clock::subscribe_duration(u64::MAX / 4).block();
    Ok("eternity".into())
}

pub(crate) fn sleep() -> Result<String, String> {
    while timer::sleep(50) {}
    Err("told to wind up".into())
}

/// Not an attack: the time that one call of the host takes, in nanoseconds, for measurements.
pub(crate) fn time_calls(arguments: &Arguments) -> Result<String, String> {
    let (kind, key) = (arguments.text("kind"), arguments.text("key"));
    let count = arguments.number("count").max(1);
    let begun = monotonic_clock::now();
    for _ in 0..count {
        match kind.as_str() {
            "clock" => drop(std::hint::black_box(monotonic_clock::now())),
            "hmac" => drop(std::hint::black_box(secrets::hmac(&key, b"data"))),
            "vault" => drop(std::hint::black_box(vault::get(&key))),
            "log" => progress::log(Level::Trace, "a line of ordinary length, such as plugins write"),
            _ => return Err("no such call".into()),
        }
    }
    Ok(((monotonic_clock::now() - begun) / count).to_string())
}
