//! Building staged plugins so that every machine gets the same bytes.
//!
//! The paths of this machine are mapped to fixed names, settings of the environment that change what the
//! compiler does are taken away, versions are the locked ones, and the toolchain is the one that the
//! staged toolchain file names.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::repository::{Repository, hold, read};
use crate::sources::{Plugin, Sources};
use crate::stage::Stage;
use crate::{Error, TARGET};

/// Largest component that is shipped, in bytes: the budget of the design.
pub const BUDGET: usize = 400 * 1024;

/// Variables through which an environment could change the build.
const FOREIGN: [&str; 8] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// Whether plugins can be built here.
pub fn can_build(repository: &Repository) -> bool {
    has_target(repository.root())
}

/// Whether the toolchain of a folder has the target.
fn has_target(folder: &Path) -> bool {
    output(Command::new("rustc").current_dir(folder).args(["--print", "target-libdir", "--target", TARGET]))
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// The kind of machine that this is, such as `x86_64-unknown-linux-gnu`. The compiler mixes it into the
/// order of functions, so only machines of one kind build the same bytes.
///
/// # Errors
/// If the compiler cannot be asked.
pub fn host(repository: &Repository) -> Result<String, Error> {
    let version = output(Command::new("rustc").current_dir(repository.root()).arg("-vV"))?;
    Ok(version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned())
}

/// Builds plugins in `folder` and returns their components, each with its manifest inside.
///
/// # Errors
/// If the target is missing, the build fails, or a component is over the budget.
pub fn components(sources: &Sources, plugins: &[Plugin], folder: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let _only = hold(folder)?;
    let stage = Stage::create(sources, &folder.join("stage"))?;
    if !has_target(stage.root()) {
        return Err(Error::NoTarget);
    }
    let build = Build { stage: &stage, output: folder.join("build") };
    plugins.iter().map(|plugin| build.component(plugin)).collect()
}

/// A build of one stage.
struct Build<'a> {
    stage: &'a Stage,
    output: PathBuf,
}

impl Build<'_> {
    fn component(&self, plugin: &Plugin) -> Result<Vec<u8>, Error> {
        self.cargo(&plugin.name)?;
        let file = format!("{TARGET}/release/{}.wasm", plugin.name.replace('-', "_"));
        let bare = read(&self.output.join(file))?;
        let component = ss_registry::embed_manifest(&bare, &plugin.manifest_text)
            .map_err(|source| Error::Component { plugin: plugin.name.clone(), source })?;
        if component.len() > BUDGET {
            return Err(Error::TooLarge {
                plugin: plugin.name.clone(),
                size: component.len(),
                budget: BUDGET,
            });
        }
        Ok(component)
    }

    /// Builds one plugin alone: features that another plugin asks for must not reach it.
    fn cargo(&self, package: &str) -> Result<(), Error> {
        let mut cargo = Command::new("cargo");
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| FOREIGN.iter().any(|foreign| name.starts_with(foreign))) {
                cargo.env_remove(name);
            }
        }
        cargo
            .current_dir(self.stage.root())
            .args(["build", "--quiet", "--release", "--locked", "--target", TARGET, "--package", package])
            .arg("--target-dir")
            .arg(&self.output)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?);
        let status = cargo.status().map_err(|error| program(&cargo, error))?;
        if status.success() { Ok(()) } else { Err(program(&cargo, status)) }
    }

    /// Compiler flags that take this machine's paths out of the bytes.
    fn flags(&self) -> Result<OsString, Error> {
        let mut mapped = vec![
            (absolute(self.stage.root())?, "/starsystem".to_owned()),
            (absolute(&self.output)?, "/target".to_owned()),
        ];
        // One folder per registry; its name depends on how this machine reaches the registry.
        let crates = cargo_home().join("registry/src");
        for registry in crates.read_dir().into_iter().flatten().flatten() {
            mapped.push((registry.path(), "/crates".to_owned()));
        }
        let sysroot =
            output(Command::new("rustc").current_dir(self.stage.root()).args(["--print", "sysroot"]))?;
        let version = output(Command::new("rustc").current_dir(self.stage.root()).arg("-vV"))?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or_default();
        // The standard library's sources, where they are installed: the name that it has where they are not.
        mapped.push((Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")));

        // What there is to warn of is said where the plugins are developed, not where they are shipped.
        let mut flags = OsString::from("-Awarnings");
        for (from, to) in mapped {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
        Ok(flags)
    }
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default()
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(path).and_then(|()| path.canonicalize()).map_err(|source| Error::File {
        action: "find",
        path: path.to_owned(),
        source,
    })
}

/// What a program prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let result = command.stderr(Stdio::null()).output().map_err(|error| program(command, error))?;
    if !result.status.success() {
        return Err(program(command, result.status));
    }
    String::from_utf8(result.stdout).map_err(|error| program(command, error))
}

fn program(command: &Command, reason: impl ToString) -> Error {
    let words: Vec<_> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(|word| word.display().to_string())
        .collect();
    Error::Program { program: words.join(" "), reason: reason.to_string() }
}
