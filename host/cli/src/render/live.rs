//! Live progress of a run: one block per service, however many run at once.
//!
//! On a terminal each running service has a line that turns, and its block is printed above when it ends.
//! Elsewhere the block of one service at a time is printed as it happens, the others wait for their turn,
//! so that a log reads as if the services had come one after another.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::ui::{Style, Ui};

/// How often the turning lines are redrawn.
const TICK: Duration = Duration::from_millis(100);

/// How the blocks of services look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One below the other, each ended by its summary.
    Compact,
    /// With an empty line after each; a summary stands only for a service that made no step.
    Spaced,
}

/// The live view of a run.
pub struct Live {
    ui: Ui,
    layout: Layout,
    view: Mutex<View>,
    /// Services that have made a step.
    stepped: Mutex<HashSet<String>>,
}

enum View {
    /// Lines that turn.
    Terminal { progress: MultiProgress, running: BTreeMap<String, Running> },
    /// One block at a time.
    Plain { queue: VecDeque<String>, waiting: BTreeMap<String, Vec<String>>, ended: Vec<String> },
}

struct Running {
    bar: ProgressBar,
    lines: Vec<String>,
    since: Instant,
}

impl Live {
    /// A view on this terminal.
    pub fn new(ui: Ui, layout: Layout) -> Self {
        let view = if ui.interactive() {
            View::Terminal { progress: MultiProgress::new(), running: BTreeMap::new() }
        } else {
            View::Plain { queue: VecDeque::new(), waiting: BTreeMap::new(), ended: Vec::new() }
        };
        Self { ui, layout, view: Mutex::new(view), stepped: Mutex::default() }
    }

    /// A service begins.
    pub fn started(&self, service: &str, provider: &str) {
        let what = format!("{service} via {provider}...");
        let heading = format!("→ {what}");
        match &mut *self.view() {
            View::Terminal { progress, running } => {
                let bar = progress.add(ProgressBar::new_spinner());
                bar.set_style(spinner());
                bar.set_message(what);
                bar.enable_steady_tick(TICK);
                running.insert(
                    service.to_owned(),
                    Running { bar, lines: vec![self.ui.paint(Style::Bold, &heading)], since: Instant::now() },
                );
            }
            View::Plain { queue, .. } => {
                queue.push_back(service.to_owned());
            }
        }
        if !self.ui.interactive() {
            self.add(service, heading);
        }
    }

    /// A step of a service is done.
    pub fn step(&self, service: &str, message: &str) {
        self.stepped.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned());
        self.add(service, format!("  {} {message}", self.ui.paint(Style::Good, "✓")));
    }

    /// A line of detail of a service: a warning or a log line.
    pub fn detail(&self, service: &str, message: &str) {
        self.add(service, format!("  {}", self.ui.paint(Style::Dim, message)));
    }

    /// What a service waits for. Shown only where it can be taken back.
    pub fn waiting(&self, service: &str, message: &str) {
        if let View::Terminal { running, .. } = &mut *self.view()
            && let Some(running) = running.get(service)
        {
            let seconds = running.since.elapsed().as_secs();
            running.bar.set_message(self.ui.scrub(&format!("{service}: {message} ({seconds} s)")));
        }
    }

    /// A service has ended well.
    pub fn done(&self, service: &str, summary: &str) {
        let stepped = self.stepped.lock().unwrap_or_else(PoisonError::into_inner).contains(service);
        if self.layout == Layout::Compact || !stepped {
            self.add(service, format!("  {} {summary}", self.ui.paint(Style::Good, "✓")));
        }
        self.end(service);
    }

    /// A service has failed; `lines` say why and what to do. If it never began, the plan has shown them.
    pub fn failed(&self, service: &str, message: &str, lines: &[String]) {
        if !self.has_begun(service) {
            self.line(&format!("{} {service} not started: {message}", self.ui.paint(Style::Bad, "✗")));
            return;
        }
        self.add(service, format!("  {} {message}", self.ui.paint(Style::Bad, "✗")));
        for line in lines {
            self.add(service, format!("    {line}"));
        }
        self.end(service);
    }

    /// Prints a line of the result between the blocks.
    pub fn line(&self, text: &str) {
        match &*self.view() {
            View::Terminal { progress, .. } => progress.suspend(|| self.ui.line(text)),
            View::Plain { .. } => self.ui.line(text),
        }
    }

    /// Prints a note between the blocks.
    pub fn note(&self, text: &str) {
        match &*self.view() {
            View::Terminal { progress, .. } => progress.suspend(|| self.ui.note(text)),
            View::Plain { .. } => self.ui.note(text),
        }
    }

    fn has_begun(&self, service: &str) -> bool {
        match &*self.view() {
            View::Terminal { running, .. } => running.contains_key(service),
            View::Plain { queue, .. } => queue.iter().any(|begun| begun == service),
        }
    }

    fn add(&self, service: &str, line: String) {
        match &mut *self.view() {
            View::Terminal { running, .. } => {
                if let Some(running) = running.get_mut(service) {
                    running.lines.push(line);
                }
            }
            View::Plain { queue, waiting, .. } => {
                if queue.front().is_some_and(|first| first == service) {
                    self.ui.line(&line);
                } else {
                    waiting.entry(service.to_owned()).or_default().push(line);
                }
            }
        }
    }

    fn end(&self, service: &str) {
        if self.layout == Layout::Spaced {
            self.add(service, String::new());
        }
        match &mut *self.view() {
            View::Terminal { progress, running } => {
                if let Some(ended) = running.remove(service) {
                    ended.bar.finish_and_clear();
                    progress.remove(&ended.bar);
                    progress.suspend(|| ended.lines.iter().for_each(|line| self.ui.line(line)));
                }
            }
            View::Plain { queue, waiting, ended } => {
                ended.push(service.to_owned());
                // The next in the queue comes to the front; those that have ended meanwhile pass through.
                while let Some(first) = queue.front().cloned() {
                    for line in waiting.remove(&first).unwrap_or_default() {
                        self.ui.line(&line);
                    }
                    if !ended.contains(&first) {
                        break;
                    }
                    queue.pop_front();
                    ended.retain(|known| *known != first);
                }
            }
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
