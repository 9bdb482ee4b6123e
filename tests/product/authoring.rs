//! `ss plugin new | build | run`: from an empty folder to a plugin in use, in each language, with its real tools.
//!
//! What the tools install is kept under `target/` and lent to each project, so that only the first run waits.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::environment::not_run;
use crate::pins::digest_in;
use crate::{Output, TestEnvironment};

/// Rules that need few instances: the others take an interpreter a minute each in a debug build.
const QUICK: &[&str] = &["contract/", "plan/", "provision/works", "observe/", "destroy/"];

/// A new project and the environment that it is in.
struct Author {
    environment: TestEnvironment,
    name: String,
}

impl Author {
    /// `ss plugin new`, in an environment where the languages' tools find their settings.
    fn new(language: &str) -> Self {
        let mut environment = TestEnvironment::new();
        let home = environment.ss_home().display().to_string();
        environment.set("STARSYSTEM_HOME", &home);
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "PIP_CONFIG_FILE", "npm_config_userconfig"] {
            if let Ok(value) = std::env::var(name) {
                environment.set(name, &value);
            }
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_ss")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        environment.set("PATH", &format!("{}:{path}", folder.display()));
        let name = format!("acme-{language}");
        environment.succeed(&["plugin", "new", &name, "--lang", language]);
        Self { environment, name }
    }

    fn folder(&self) -> PathBuf {
        self.environment.project().join(&self.name)
    }

    /// Lends the project a folder of the tools' cache under another name.
    fn lend(&self, cached: &Path, name: &str) {
        std::fs::create_dir_all(cached).unwrap();
        symlink(cached, self.folder().join(name)).unwrap();
    }

    /// Plays the project's scenario by the rules of the kit whose ids begin so; by all of them if none is named.
    fn test(&self, rules: &[&str], least: u64) {
        let mut arguments = vec!["plugin", "test", self.name.as_str(), "--json"];
        arguments.extend(rules.iter().flat_map(|rule| ["--rule", *rule]));
        let output = self.environment.run(&arguments);
        assert_eq!(output.code, 0, "{}", output.raw);
        let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert!(report["passed"].as_u64().unwrap() >= least, "{}", output.raw);
    }

    /// Runs the example with what was built, again with nothing to do, again after a change, and asks how it is.
    /// Returns the first run.
    fn run_example(&mut self) -> Output {
        let first = self.environment.run(&["plugin", "run", "--dir", &self.name]);
        assert_eq!(first.code, 0, "{}", first.raw);
        let created = format!("✓ Widget created: {}-example-local-widget", self.name);
        assert!(first.stdout.contains(&created), "{}", first.raw);
        assert!(first.stdout.contains("2 created"), "{}", first.raw);

        // From here on as a person would without `run`, in the home that it used.
        let home = self.folder().join(".starsystem").display().to_string();
        self.environment.set("STARSYSTEM_HOME", &home);
        let file = format!("{}/example/starsystem.yaml", self.name);
        let second = self.environment.succeed(&["provision", &file]);
        assert!(second.stdout.contains("0 created, 2 verified"), "{}", second.raw);
        let text = self.environment.read(&file).replace("size: 3", "size: 5");
        self.environment.write(&file, &text);
        let third = self.environment.succeed(&["provision", &file]);
        assert!(third.stdout.contains("Widget resized"), "{}", third.raw);
        let status = self.environment.succeed(&["provision", "--status", &file]);
        assert!(status.stdout.contains("✓ widget"), "{}", status.raw);
        first
    }

    /// Publishes what was built to a fresh registry, and uses it from there in another project. The pretend cloud
    /// of the example must be running.
    fn publish_and_use(&self) {
        let Self { environment, name } = self;
        environment.succeed(&["registry", "init", "registry", "--keys", "private", "--namespace", "makers"]);
        let root =
            std::fs::read(environment.project().join("registry").join(ss_registry::layout::root(1))).unwrap();
        let fingerprint = ss_registry::Digest::of(&root).to_string();
        let component = format!("{name}/dist/{name}.wasm");
        let key = ["--to", "registry", "--key", "private/makers.seed"];
        environment.succeed(&[&["plugin", "publish", component.as_str()], &key[..]].concat());
        let url = format!("file://{}", environment.project().join("registry").display());
        environment.succeed(&["registry", "add", &url, "--name", "makers", "--root-sha256", &fingerprint]);

        let file = "user/starsystem.yaml";
        let widget = "type: external\n    provision:\n      provider";
        environment
            .write(file, &format!("name: user\nservices:\n  widget:\n    {widget}: {name}\n      size: 3\n"));
        let released = format!("makers/{name}");
        let add = ["plugin", "add", released.as_str(), "--file", file];
        let asked = environment.run(&add);
        assert_eq!(asked.code, 4, "{}", asked.raw);
        let sentence = format!("+ may GET, POST to https://api.{name}.example/v1/widgets");
        assert!(asked.stdout.contains(&sentence), "{}", asked.raw);
        environment.succeed(&[&add[..], &["--expect", &digest_in(&asked)]].concat());

        // One on this machine needs nobody's approval.
        let example = environment.read(&format!("{name}/example/starsystem.yaml"));
        let endpoint = example.lines().find(|line| line.trim_start().starts_with("endpoint:")).unwrap();
        environment.write(file, &format!("{}{endpoint}\n", environment.read(file)));
        let first = environment.succeed(&["provision", file]);
        assert!(first.stdout.contains("✓ Widget created: user-local-widget"), "{}", first.raw);
        assert!(!first.stderr.contains("compiling"), "the same bytes are compiled once: {}", first.raw);
        let second = environment.succeed(&["provision", "--locked", file]);
        assert!(second.stdout.contains("0 created, 1 verified"), "{}", second.raw);
        let verified = environment.succeed(&["plugin", "verify", "--file", file]);
        assert!(verified.stdout.starts_with(&format!("✓ {released} 0.1.0 sha256:")), "{}", verified.raw);
    }
}

/// Where the tools of a language are kept between runs.
fn cache(language: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring").join(language)
}

/// Whether a command succeeds; what it prints is shown if not.
fn succeeds(command: &mut Command) -> bool {
    let output = command.stdin(Stdio::null()).output();
    let succeeded = output.as_ref().is_ok_and(|output| output.status.success());
    if !succeeded {
        eprintln!("{command:?}: {output:?}");
    }
    succeeded
}

/// Insists that a first use that takes a while has said so. An interpreter is megabytes of code.
fn assert_compiling_was_told(first: &Output) {
    let told = first.stderr.lines().any(|line| line.starts_with("compiling plugin"));
    assert!(told, "{}", first.raw);
}

/// Makes a file newer than what the project brings, so that its tools count as installed.
fn touch(path: &Path) {
    let file = std::fs::File::options().append(true).create(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + std::time::Duration::from_secs(60)).unwrap();
}

#[test]
fn a_rust_plugin_is_built_tested_and_run() {
    let mut author = Author::new("rust");
    author.lend(&cache("rust"), "target");
    let built = author.environment.run(&["plugin", "build", "--json", "--dir", &author.name]);
    assert_eq!(built.code, 0, "{}", built.raw);
    let report: serde_json::Value = serde_json::from_str(&built.stdout).unwrap();
    assert!(report["size"].as_u64().unwrap() < 400 * 1024, "{report:#}");
    assert_eq!(report["warnings"], serde_json::json!([]));
    assert_eq!(report["sentences"].as_array().unwrap().len(), 2);

    // The same sources elsewhere give the same bytes.
    let elsewhere = author.environment.project().join("deep/elsewhere");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    assert!(succeeds(Command::new("cp").arg("-R").arg(author.folder()).arg(&elsewhere)));
    let again =
        author.environment.run(&["plugin", "build", "--json", "--dir", &elsewhere.display().to_string()]);
    assert_eq!(again.code, 0, "{}", again.raw);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["digest"], report["digest"]);

    author.run_example();
    author.publish_and_use();
    author.test(&[], 17);
    assert!(
        succeeds(Command::new("cargo").args(["test", "--quiet"]).current_dir(author.folder())),
        "the project's own tests fail"
    );
}

#[test]
fn a_c_plugin_is_built_and_run() {
    if !Path::new("/usr/lib/wasm32-wasi").is_dir() || !on_path("clang") || !on_path("wasm-ld") {
        not_run("clang", "clang lld wasi-libc libclang-rt-dev-wasm32");
        return;
    }
    let mut author = Author::new("c");
    author.run_example();
    author.publish_and_use();
    author.test(&[], 17);
    let built = author.environment.succeed(&["plugin", "build", "--dir", &author.name]);
    assert!(built.stdout.contains("may GET, POST to https://api.acme-c.example/v1/widgets"), "{}", built.raw);
    assert!(!built.stderr.contains("warning:"), "{}", built.raw);

    // What other tools made goes the same way: here the core module that clang made.
    let module = author.folder().join("build/plugin.wasm").display().to_string();
    let wrapped = author.environment.succeed(&["plugin", "build", "--dir", &author.name, "--from", &module]);
    assert!(wrapped.stderr.contains("wrap the core module"), "{}", wrapped.raw);
    assert!(!wrapped.stderr.contains("clang"), "{}", wrapped.raw);
}

#[test]
fn a_javascript_plugin_is_built_and_run() {
    let mut author = Author::new("javascript");
    let cache = cache("javascript");
    let modules = cache.join("node_modules");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::copy(author.folder().join("package.json"), cache.join("package.json")).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&cache);
    if !modules.join(".bin/componentize-js").exists() && !succeeds(&mut npm) {
        not_run("npm", "npm");
        return;
    }
    touch(&modules.join(".package-lock.json"));
    author.lend(&modules, "node_modules");
    assert_compiling_was_told(&author.run_example());
    author.publish_and_use();
    author.test(QUICK, 10);
}

#[test]
fn a_python_plugin_is_built_and_run() {
    let mut author = Author::new("python");
    let cache = cache("python");
    std::fs::create_dir_all(&cache).unwrap();
    let requirements = author.folder().join("requirements.txt");
    let environment = cache.join("venv");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&environment);
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements);
    let missing = !environment.join("bin/componentize-py").exists();
    if missing && !(succeeds(&mut venv) && succeeds(&mut pip)) {
        not_run("python3 with venv and pip", "python3-venv");
        return;
    }
    touch(&environment.join("installed"));
    author.lend(&environment, ".venv");
    assert_compiling_was_told(&author.run_example());
    author.publish_and_use();
    author.test(QUICK, 10);
}

#[test]
fn a_project_is_made_once_and_by_a_name_that_a_plugin_can_have() {
    let environment = TestEnvironment::new();
    let made = environment.succeed(&["plugin", "new", "acme", "--lang", "js"]);
    assert_eq!(made.stdout, "✓ New JavaScript plugin `acme` in `acme`\n");
    let again = environment.run(&["plugin", "new", "acme"]);
    assert_eq!(again.code, 1, "{}", again.raw);
    assert!(again.stderr.contains("error: `acme` is not empty\nhint: `--dir`"), "{}", again.raw);
    let bad = environment.run(&["plugin", "new", "Acme_1"]);
    assert_eq!(bad.code, 2, "{}", bad.raw);
    assert!(bad.stderr.contains("cannot be a plugin's name"), "{}", bad.raw);
}

#[test]
fn what_is_missing_is_named_with_the_way_to_get_it() {
    let mut environment = TestEnvironment::new();
    let nowhere = environment.run(&["plugin", "build"]);
    assert!(nowhere.stderr.contains("no `plugin.toml` in `.`"), "{}", nowhere.raw);
    assert!(nowhere.stderr.contains("hint: run it in the plugin's folder"), "{}", nowhere.raw);
    environment.set("PATH", "/nonexistent");
    for (language, tool, hint) in [
        ("rust", "cargo", "install Rust with rustup"),
        ("javascript", "npm", "install Node.js 20"),
        ("python", "python3", "python3-venv"),
        ("c", "clang", "wasi-libc"),
    ] {
        environment.succeed(&["plugin", "new", language, "--lang", language]);
        let output = environment.run(&["plugin", "build", "--dir", language]);
        assert_eq!(output.code, 1, "{}", output.raw);
        assert!(output.stderr.contains(&format!("error: `{tool}` is needed")), "{}", output.raw);
        assert!(output.stderr.contains(hint), "{}", output.raw);
    }
}

#[test]
fn what_is_no_plugin_is_refused_before_it_takes_the_place_of_one() {
    let environment = TestEnvironment::new();
    environment.succeed(&["plugin", "new", "acme", "--lang", "c"]);
    for (name, bytes, reason) in [
        ("text.wasm", &b"hello"[..], "not a WebAssembly component"),
        ("empty-component.wasm", b"\0asm\x0d\0\x01\0", "exports no `starsystem:provisioner/adapter`"),
        ("empty-module.wasm", b"\0asm\x01\0\0\0", "cannot be wrapped as a component"),
    ] {
        std::fs::write(environment.project().join(name), bytes).unwrap();
        let output = environment.run(&["plugin", "build", "--dir", "acme", "--from", name]);
        assert_eq!(output.code, 1, "{name}: {}", output.raw);
        assert!(output.stderr.contains(reason), "{name}: {}", output.raw);
    }
    assert!(!environment.project().join("acme/dist").exists());
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
