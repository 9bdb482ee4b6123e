//! A place where `ss` runs as on a fresh machine: empty home, cleared environment, a folder of its own.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A folder with a home and a project in it; both are gone when it is dropped, and so are the processes
/// that `ss` started there.
pub struct TestEnvironment {
    root: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// What a run of `ss` printed, with what differs from run to run replaced.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output, normalised.
    pub stdout: String,
    /// Standard error, normalised.
    pub stderr: String,
    /// Both, as they were.
    pub raw: String,
}

impl Output {
    /// Standard error without the lines about plugins being compiled, whose order is not fixed.
    pub fn notes(&self) -> String {
        let lines = self.stderr.lines().filter(|line| !line.starts_with("compiling plugin"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl TestEnvironment {
    /// An empty project in an empty home.
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        for folder in ["home", "project"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let mut variables = BTreeMap::new();
        for name in ["PATH", "TMPDIR", "SS_SPECS"] {
            if let Ok(value) = std::env::var(name) {
                variables.insert(name.to_owned(), value);
            }
        }
        let mut this = Self { root, variables };
        let home = this.home().display().to_string();
        this.set("HOME", &home);
        this.set("NO_COLOR", "1");
        this
    }

    /// As [`new`](Self::new), with the built-in plugins compiled already, which is most of a first run. The cache is
    /// that of all tests.
    pub fn warm() -> Self {
        let this = Self::new();
        this.create_ss_home();
        symlink(compiled_plugins(), this.ss_home().join("cache")).expect("a link");
        this
    }

    /// As [`warm`](Self::warm), with a cache that the test may spoil.
    pub fn with_own_cache() -> Self {
        let this = Self::new();
        this.create_ss_home();
        let cache = this.ss_home().join("cache");
        DirBuilder::new().mode(0o700).create(&cache).expect("a folder");
        for file in std::fs::read_dir(compiled_plugins()).expect("a cache").flatten() {
            let to = cache.join(file.file_name());
            // The key is bound to its inode, so that the files of a copied cache are foreign.
            let linked = file.file_name() == "key" && std::fs::hard_link(file.path(), &to).is_ok();
            if !linked {
                std::fs::copy(file.path(), to).expect("a copy");
            }
        }
        this
    }

    fn create_ss_home(&self) {
        DirBuilder::new().mode(0o700).create(self.ss_home()).expect("a home");
    }

    /// Sets an environment variable for every later run.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// The person's home.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Where `ss` keeps its own files.
    pub fn ss_home(&self) -> PathBuf {
        self.home().join(".starsystem")
    }

    /// The project's folder, where `ss` runs.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// Everything of this environment.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.project().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Writes a file of the project that is no text.
    pub fn write_bytes(&self, name: &str, content: &[u8]) {
        let path = self.project().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Reads a file of the project.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.project().join(name)).expect("a file of the project")
    }

    /// Replaces a text of a file of the project, which must be there.
    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}:\n{text}");
        self.write(name, &text.replace(from, to));
    }

    /// The command, ready to be changed further and run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ss"));
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs `ss` to its end. A JSON document that it prints must be as its schema says.
    #[must_use = "it may have failed"]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("ss runs");
        crate::schemas::check(arguments, &String::from_utf8_lossy(&output.stdout));
        self.finish(&output)
    }

    /// Runs `ss` with a fault at a durable step, such as `abort@3`.
    #[must_use = "it may have failed"]
    pub fn run_with_fault(&self, arguments: &[&str], fault: &str) -> Output {
        let output = self.command(arguments).env("SS_FAULT", fault).output().expect("ss runs");
        self.finish(&output)
    }

    /// Runs `ss` with this text on its standard input.
    #[must_use = "it may have failed"]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ss runs");
        child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("ss reads");
        self.finish(&child.wait_with_output().expect("ss ends"))
    }

    /// Runs `ss` and insists that it succeeds.
    pub fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, 0, "ss {arguments:?} failed:\n{}", output.raw);
        output
    }

    /// What a run that has ended printed.
    pub fn finish(&self, output: &std::process::Output) -> Output {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: self.normalise(&stdout),
            stderr: self.normalise(&stderr),
            raw: format!("{stdout}{stderr}"),
        }
    }

    /// Replaces what differs from run to run: this environment's paths, process numbers, durations.
    fn normalise(&self, text: &str) -> String {
        let root = self.root.path().canonicalize().unwrap_or_else(|_| self.root.path().to_owned());
        let text = text
            .replace(&root.display().to_string(), "$ENV")
            .replace(&self.root.path().display().to_string(), "$ENV");
        replace_numbers_after(&replace_durations(&text), "pid ", "<pid>")
    }
}

/// A cache with every plugin compiled. It outlives the test run, and serves the next.
pub fn compiled_plugins() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
        DirBuilder::new().recursive(true).mode(0o700).create(&home).expect("a folder");
        let mut environment = TestEnvironment::new();
        environment.set("STARSYSTEM_HOME", &home.display().to_string());
        environment.succeed(&["plugin", "compile"]);
        home.join("cache")
    })
}

impl Default for TestEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestEnvironment {
    /// Ends the processes that `ss` started here: those whose working directory lies in this folder.
    fn drop(&mut self) {
        for pid in processes_below(self.root.path()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Says that a test could not run, loudly: what tests print with macros is hidden when they pass.
pub fn not_run(program: &str, package: &str) {
    use std::io::Write as _;
    let line = format!("NOT RUN: the program `{program}` is missing (Debian package `{package}`)\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr");
}

/// A folder with a Python of its own in which pip has installed these packages; none, said loudly, if they
/// cannot be had. `brought` is a file that they bring. To be called once per folder and test run.
pub fn python_with(name: &str, packages: &[&str], brought: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-venv"));
    if folder.join(brought).exists() {
        return Some(folder);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let made = run(Path::new("python3"), &["-m", "venv", &folder.display().to_string()]);
    let arguments = [&["install", "--quiet", "--disable-pip-version-check"][..], packages].concat();
    if made && run(&folder.join("bin/pip"), &arguments) && folder.join(brought).exists() {
        return Some(folder);
    }
    not_run(&packages.join(" "), "python3-venv, then these by pip");
    None
}

/// The folder `node_modules` with this package of npm in it, `<name>@<version>`, in this test run's own folder; none
/// if it cannot be had.
pub fn npm_package(package: &str) -> Option<PathBuf> {
    let (name, _) = package.rsplit_once('@')?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm").join(package.replace('/', "-"));
    let modules = folder.join("node_modules");
    if !modules.join(name).exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--silent", package]).current_dir(&folder);
        let mut child = install.spawn().ok()?;
        for _ in 0..240 {
            if child.try_wait().ok()?.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    modules.join(name).exists().then_some(modules)
}

/// Numbers of the processes whose working directory lies below the folder.
pub fn processes_below(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|directory| directory.starts_with(&folder))
        })
        .collect()
}

fn replace_numbers_after(text: &str, marker: &str, replacement: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(marker) {
        let (before, after) = rest.split_at(at + marker.len());
        result.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        result.push_str(if digits > 0 { replacement } else { "" });
        rest = &after[digits..];
    }
    result + rest
}

/// Replaces `12.3s`, `4 ms` and the like by `<time>`.
fn replace_durations(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, after) = rest.split_at(at);
        result.push_str(before);
        let number = after.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let unit = after[number..].trim_start_matches(' ');
        let unit_len = ["ms", "s"]
            .into_iter()
            .find(|unit_name| {
                unit.strip_prefix(unit_name)
                    .is_some_and(|tail| !tail.starts_with(|c: char| c.is_alphanumeric()))
            })
            .map(|unit_name| after.len() - number - unit.len() + unit_name.len());
        match unit_len {
            Some(unit_len) if before.ends_with(|c: char| c.is_whitespace() || c == '(') => {
                result.push_str("<time>");
                rest = &after[number + unit_len..];
            }
            _ => {
                result.push_str(&after[..number]);
                rest = &after[number..];
            }
        }
    }
    result + rest
}

#[test]
fn normalising_replaces_pids_and_durations_only() {
    let environment = TestEnvironment::new();
    let text = "running (pid 42, health ok) in 1.5s, took 3 ms; port 8080, s3 bucket, 12 services";
    assert_eq!(
        environment.normalise(text),
        "running (pid <pid>, health ok) in <time>, took <time>; port 8080, s3 bucket, 12 services"
    );
}
