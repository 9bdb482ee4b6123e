//! The stand-in clouds as a program: `cargo run -p ss-clouds -- neon --port 9001`.
//!
//! It prints where it listens and what to set, then a line per request, until it is stopped.
#![expect(clippy::print_stdout, reason = "a program for people's terminals")]

use std::io;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use ss_clouds::{Cloud, Habits, Pace, Provider, RateLimit, Running};

/// Stateful stand-ins for providers, on this machine only.
#[derive(Debug, Parser)]
#[command(name = "ss-clouds")]
struct Arguments {
    /// Which cloud to play.
    cloud: Which,
    /// Where to listen; 0 is any free port. `all` takes this one and those after it.
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    habits: HabitArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Cloudflare,
    Porkbun,
    Neon,
    Fly,
    Aws,
    Railway,
    Supabase,
    All,
}

#[derive(Debug, Args)]
struct HabitArguments {
    /// The only key to accept; any is accepted otherwise.
    #[arg(long)]
    key: Option<String>,
    /// Decides ids, passwords and what a storm strikes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds that anything asynchronous takes.
    #[arg(long, default_value_t = 1500)]
    pace_ms: u64,
    /// Milliseconds that every request waits.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Requests for which something new is missing from lists and gets.
    #[arg(long, default_value_t = 0)]
    unseen_for: u64,
    /// Requests after which the next two get 429 with `Retry-After: 1`.
    #[arg(long)]
    limit_after: Option<u64>,
    /// How many of a hundred requests meet trouble.
    #[arg(long, default_value_t = 0)]
    storm: u8,
    /// An app name on Fly that somebody else has.
    #[arg(long)]
    taken_name: Vec<String>,
    /// An image on Fly whose checks never pass.
    #[arg(long)]
    broken_image: Vec<String>,
}

impl From<HabitArguments> for Habits {
    fn from(arguments: HabitArguments) -> Self {
        let limit = |after| RateLimit { after, refuses: 2, retry_after: 1 };
        Self {
            key: arguments.key,
            seed: arguments.seed,
            pace: Pace::Time(Duration::from_millis(arguments.pace_ms)),
            latency: Duration::from_millis(arguments.latency_ms),
            unseen_for: arguments.unseen_for,
            rate_limit: arguments.limit_after.map(limit),
            storm: arguments.storm,
            taken_names: arguments.taken_name,
            broken_images: arguments.broken_image,
            ..Self::default()
        }
    }
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let habits = Habits::from(arguments.habits);
    let providers: &[Provider] = match arguments.cloud {
        Which::Cloudflare => &[Provider::Cloudflare],
        Which::Porkbun => &[Provider::Porkbun],
        Which::Neon => &[Provider::Neon],
        Which::Fly => &[Provider::Fly],
        Which::Aws => &[Provider::Aws],
        Which::Railway => &[Provider::Railway],
        Which::Supabase => &[Provider::Supabase],
        Which::All => &[
            Provider::Neon,
            Provider::Fly,
            Provider::Railway,
            Provider::Supabase,
            Provider::Cloudflare,
            Provider::Porkbun,
            Provider::Aws,
        ],
    };
    let mut clouds = Vec::new();
    for (provider, offset) in providers.iter().zip(0..) {
        let port = if arguments.port == 0 { 0 } else { arguments.port.saturating_add(offset) };
        let cloud = Cloud::of(*provider, habits.clone()).port(port).start()?;
        println!("{provider}: {}", cloud.url());
        println!("  export STARSYSTEM_ENDPOINT_{}={}", provider.name().to_uppercase(), cloud.url());
        clouds.push(cloud);
    }
    loop {
        clouds.iter().for_each(tell);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Prints what finished since the last time, and forgets it.
fn tell(cloud: &Running) {
    for recorded in cloud.take_finished() {
        let status = recorded.status.map_or_else(|| "closed".to_owned(), |status| status.to_string());
        let trouble = recorded.trouble.as_ref().map(|trouble| format!("  ({trouble:?})")).unwrap_or_default();
        println!("{}  {status}  {}  {}{trouble}", cloud.provider(), recorded.host, recorded.line());
    }
}
