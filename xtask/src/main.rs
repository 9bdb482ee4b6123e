//! The repository's own commands, `cargo xtask …`.
//!
//! `test` runs every check and test. Everything else is the release tool's, which is started from here: it brings
//! half of what `ss` is made of, and a machine that only tests should not build that twice.
//!
//! Here does not belong anything that needs a dependency.

mod suite;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Package of the release tool.
const RELEASE: &str = "ss-release";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match &arguments[..] {
        [task] if task == "test" => suite::run(root, &mut io::stdout().lock()),
        _ => {
            let tool = ["run", "--quiet", "--package", RELEASE, "--"].into_iter().map(Into::into);
            let status = Command::new(env!("CARGO")).args(tool.chain(arguments)).current_dir(root).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                // It has said why.
                Ok(_) => return ExitCode::FAILURE,
                Err(error) => Err(format!("cannot run cargo: {error}")),
            }
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(io::stderr(), "error: {reason}");
            ExitCode::FAILURE
        }
    }
}
