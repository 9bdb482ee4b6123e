//! Starting, watching and stopping a stand-in.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::aws::AccountView;
use crate::fly::{AppView, MachineView};
use crate::front;
use crate::neon::ProjectView;
use crate::railway::RailwayView;
use crate::state::{State, World, lock};
use crate::supabase::SupabaseView;
use crate::{Client, Fault, Habits, Provider, Recorded};

/// A stand-in that does not run yet.
#[derive(Debug, Clone)]
pub struct Cloud {
    provider: Provider,
    habits: Habits,
    port: u16,
}

impl Cloud {
    /// Of a provider by its name.
    pub fn of(provider: Provider, habits: Habits) -> Self {
        Self { provider, habits, port: 0 }
    }

    /// Cloudflare.
    pub fn cloudflare(habits: Habits) -> Self {
        Self::of(Provider::Cloudflare, habits)
    }

    /// Porkbun.
    pub fn porkbun(habits: Habits) -> Self {
        Self::of(Provider::Porkbun, habits)
    }

    /// Neon.
    pub fn neon(habits: Habits) -> Self {
        Self::of(Provider::Neon, habits)
    }

    /// Fly: the Machines API and every `<app>.fly.dev`.
    pub fn fly(habits: Habits) -> Self {
        Self::of(Provider::Fly, habits)
    }

    /// Railway.
    pub fn railway(habits: Habits) -> Self {
        Self::of(Provider::Railway, habits)
    }

    /// Supabase.
    pub fn supabase(habits: Habits) -> Self {
        Self::of(Provider::Supabase, habits)
    }

    /// AWS: S3 and CloudFront. The key is `<access key id>:<secret access key>`.
    pub fn aws(habits: Habits) -> Self {
        Self::of(Provider::Aws, habits)
    }

    /// On this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts it on the loopback interface, on a thread of its own, so that it serves synchronous and
    /// asynchronous tests alike.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(self) -> io::Result<Running> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(State::new(self.provider, self.habits)));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("{} stand-in", self.provider))
            .spawn(move || front::serve(listener, serving, stopped))?;
        Ok(Running { provider: self.provider, address, shared, stop: Some(stop), thread: Some(thread) })
    }
}

/// A stand-in at work. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    provider: Provider,
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Which provider it plays.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// `http://127.0.0.1:<port>`: the value for `STARSYSTEM_ENDPOINT_<NAME>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that speaks to it as another person would: the dashboard, or an intruder.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared).requests.clone()
    }

    /// Gives the requests so far and forgets them; what exists stays.
    pub fn take_requests(&self) -> Vec<Recorded> {
        let mut state = lock(&self.shared);
        let everything = state.requests.len();
        state.take(everything)
    }

    /// The same up to the first request that is not finished.
    pub fn take_finished(&self) -> Vec<Recorded> {
        let mut state = lock(&self.shared);
        let finished = state.requests.iter().take_while(|recorded| recorded.finished).count();
        state.take(finished)
    }

    /// Adds trouble.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared).habits.faults.push(fault);
    }

    /// Ends all trouble that was injected or came with the habits.
    pub fn calm(&self) {
        let mut state = lock(&self.shared);
        state.habits.faults.clear();
        state.habits.storm = 0;
        state.habits.rate_limit = None;
    }

    /// Everything that exists at Cloudflare or Porkbun, as JSON by kind; null at others.
    pub fn inventory(&self) -> serde_json::Value {
        let state = lock(&self.shared);
        match &state.world {
            World::Cloudflare(cloudflare) => cloudflare.inventory(&state.clock),
            World::Porkbun(porkbun) => porkbun.inventory(),
            _ => serde_json::Value::Null,
        }
    }

    /// A person adds what Cloudflare asks for at this hostname or domain.
    pub fn activate(&self, name: &str) {
        if let World::Cloudflare(cloudflare) = &mut lock(&self.shared).world {
            cloudflare.activate(name);
        }
    }

    /// Neon's projects that exist.
    pub fn projects(&self) -> Vec<ProjectView> {
        match &lock(&self.shared).world {
            World::Neon(neon) => neon.views(),
            _ => Vec::new(),
        }
    }

    /// Fly's apps that exist.
    pub fn apps(&self) -> Vec<AppView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Fly(fly) => fly.apps(&state.clock),
            _ => Vec::new(),
        }
    }

    /// Fly's machines that exist.
    pub fn machines(&self) -> Vec<MachineView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Fly(fly) => fly.machines(&state.clock),
            _ => Vec::new(),
        }
    }

    /// What there is at AWS.
    pub fn account(&self) -> AccountView {
        match &lock(&self.shared).world {
            World::Aws(aws) => aws.view(),
            _ => AccountView::default(),
        }
    }

    /// Puts an object into a bucket of AWS, as somebody who uses it would.
    pub fn put_object(&self, bucket: &str, key: &str) {
        if let World::Aws(aws) = &mut lock(&self.shared).world {
            aws.put_object(bucket, key);
        }
    }

    /// Railway's projects that exist.
    pub fn railway_projects(&self) -> Vec<RailwayView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Railway(railway) => railway.views(&state.clock),
            _ => Vec::new(),
        }
    }

    /// Supabase's projects that exist.
    pub fn supabase_projects(&self) -> Vec<SupabaseView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Supabase(supabase) => supabase.views(&state.clock),
            _ => Vec::new(),
        }
    }

    /// Every password and key it ever made or was given, to search logs and files for.
    pub fn secrets(&self) -> Vec<String> {
        match &lock(&self.shared).world {
            World::Neon(neon) => neon.passwords().to_vec(),
            World::Railway(railway) => railway.secrets().to_vec(),
            World::Supabase(supabase) => supabase.secrets().to_vec(),
            World::Porkbun(_) => vec![crate::porkbun::SECRET_KEY.to_owned()],
            _ => Vec::new(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then nobody listens.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
