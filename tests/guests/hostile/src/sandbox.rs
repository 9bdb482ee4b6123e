//! Attacks on the sandbox itself: what WASI and the machine under it might give away.

use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};

use crate::Arguments;

pub(crate) fn files() -> Result<String, String> {
    for path in ["/etc/passwd", "/proc/self/environ", "../../../../etc/passwd", "."] {
        if let Ok(content) = std::fs::read(path) {
            return Ok(format!("{} bytes of {path}", content.len()));
        }
    }
    if std::fs::write("/tmp/hostile", "x").is_ok() {
        return Ok("a file in /tmp".into());
    }
    let error = std::fs::read_dir("/").map(|entries| entries.count()).err();
    error.map_or_else(|| Ok("a listing of /".into()), |error| Err(error.to_string()))
}

pub(crate) fn environment() -> Result<String, String> {
    let found: Vec<String> = std::env::vars().map(|(name, _)| name).chain(std::env::args()).collect();
    if found.is_empty() { Err("nothing there".into()) } else { Ok(found.join(",")) }
}

pub(crate) fn tcp(arguments: &Arguments) -> Result<String, String> {
    TcpStream::connect(arguments.text("address")).map(|_| "connected".into()).map_err(|e| e.to_string())
}

pub(crate) fn udp() -> Result<String, String> {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|error| error.to_string())?;
    socket.send_to(b"x", "127.0.0.1:53").map(|_| "sent".into()).map_err(|error| error.to_string())
}

pub(crate) fn lookup(arguments: &Arguments) -> Result<String, String> {
    let mut addresses =
        (arguments.text("host").as_str(), 80).to_socket_addrs().map_err(|error| error.to_string())?;
    Ok(format!("{:?}", addresses.next()))
}

pub(crate) fn stdin() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.is_empty() { Err("nothing there".into()) } else { Ok(text) }
}

pub(crate) fn print(arguments: &Arguments) -> Result<String, String> {
    println!("{}", arguments.text("text"));
    eprintln!("{}", arguments.text("text"));
    guest_bindings::progress::step(&arguments.text("text"));
    guest_bindings::progress::waiting(&arguments.text("text"));
    guest_bindings::progress::log(guest_bindings::progress::Level::Info, &arguments.text("text"));
    Ok("printed".into())
}

pub(crate) fn random(arguments: &Arguments) -> Result<String, String> {
    let bytes = guest_bindings::random::random::get_random_bytes(arguments.number("bytes"));
    Ok(format!("{} bytes", bytes.len()))
}

pub(crate) fn stack() -> Result<String, String> {
    fn deeper(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + frame[3] }
    }
    Ok(deeper(0).to_string())
}
