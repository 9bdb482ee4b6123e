//! A static web server on loopback that can misbehave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use ss_registry::Digest;

/// How a request for a path is answered.
#[derive(Debug, Clone)]
pub enum Habit {
    /// With bytes that never end.
    Endless,
    /// A byte at a time.
    Drip,
    /// With a redirect.
    Redirect(String),
    /// With this status and nothing else.
    Status(u16),
}

#[derive(Default)]
struct Shared {
    habits: Vec<(String, Habit)>,
    /// Path, and whether the answer was sent.
    requests: Vec<(String, bool)>,
}

/// A server; it ends with its runtime thread when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn of(folder: PathBuf) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            crate::house::block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tokio::spawn(answer(stream, folder.clone(), Arc::clone(&theirs)));
                    }
                };
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address: told.recv().unwrap(), shared, stop: Some(stop), thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn behave(&self, path: &str, habit: Habit) {
        self.shared.lock().unwrap().habits.push((format!("/{path}"), habit));
    }

    /// The paths that were asked for, with whether their bytes were sent.
    pub fn requests(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.shared.lock().unwrap().requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn answer(mut stream: TcpStream, folder: PathBuf, shared: Arc<Mutex<Shared>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let habit = shared.lock().unwrap().habits.iter().find(|(known, _)| *known == path).cloned();
    let sent = match habit {
        Some((_, habit)) => misbehave(&mut stream, habit).await,
        None => serve(&mut stream, &folder, &path, &head).await,
    };
    shared.lock().unwrap().requests.push((path, sent));
    let _ = stream.shutdown().await;
}

async fn serve(stream: &mut TcpStream, folder: &std::path::Path, path: &str, head: &str) -> bool {
    let Ok(bytes) = std::fs::read(folder.join(path.trim_start_matches('/'))) else {
        return say(stream, "404 Not Found", "", b"").await;
    };
    let etag = format!("\"{}\"", Digest::of(&bytes).to_hex());
    if head.lines().any(|line| line.to_lowercase() == format!("if-none-match: {etag}")) {
        say(stream, "304 Not Modified", "", b"").await;
        return false;
    }
    say(stream, "200 OK", &format!("etag: {etag}\r\n"), &bytes).await
}

async fn misbehave(stream: &mut TcpStream, habit: Habit) -> bool {
    match habit {
        Habit::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{").await;
            while stream.write_all(&[b' '; 8192]).await.is_ok() {}
            true
        }
        Habit::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            true
        }
        Habit::Redirect(to) => say(stream, "302 Found", &format!("location: {to}\r\n"), b"").await,
        Habit::Status(status) => say(stream, &format!("{status} So"), "", b"").await,
    }
}

async fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> bool {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await.is_ok()
}
