//! The languages that there are templates and build steps for.

use std::fmt;
use std::path::Path;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, with `sdk-rust`, through cargo.
    Rust,
    /// JavaScript, through componentize-js of npm.
    JavaScript,
    /// Python, through componentize-py of PyPI.
    Python,
    /// C, through clang and wasi-libc.
    C,
}

impl Language {
    /// Every language, the best served first.
    pub const ALL: [Self; 4] = [Self::Rust, Self::JavaScript, Self::Python, Self::C];

    /// The word that names it on a command line, which is also its folder of templates.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The file by which a project of it is known.
    pub(crate) fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "requirements.txt",
            Self::C => "src/plugin.c",
        }
    }

    /// The language of the project in a folder.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|language| folder.join(language.marker()).is_file())
    }

    /// What a person must have installed to build, in a sentence of Markdown.
    pub(crate) fn needs(self) -> &'static str {
        match self {
            Self::Rust => {
                "Building needs Rust with the target `wasm32-wasip2` (`rustup target add wasm32-wasip2`). The SDK \
                 is in `vendor/`; the other crates come from the ordinary registry."
            }
            Self::JavaScript => {
                "Building needs Node.js 20 or later with npm; the first build installs what `package.json` names."
            }
            Self::Python => {
                "Building needs Python 3.10 or later with `venv`; the first build makes `.venv` and installs what \
                 `requirements.txt` names into it."
            }
            Self::C => {
                "Building needs clang with lld and wasi-libc (Debian: `clang lld wasi-libc libclang-rt-dev-wasm32`), \
                 or a WASI SDK named by `WASI_SDK_PATH`."
            }
        }
    }

    /// Rows of the README's table of files.
    pub(crate) fn files(self) -> &'static str {
        match self {
            Self::Rust => {
                "| `src/lib.rs` | the provider: what it does for a service |\n\
                 | `src/options.rs`, `options.schema.json` | the service's options; the schema is derived from the type (`SS_UPDATE_SCHEMA=1 cargo test`) |\n\
                 | `src/api.rs` | the API, with typed failures |\n\
                 | `src/tests.rs` | the provider natively, against a pretend cloud: `cargo test` |\n\
                 | `vendor/` | the SDK and the contract, as the `ss` that made this project has them |"
            }
            Self::JavaScript => {
                "| `src/plugin.js` | the provider: what it does for a service |\n\
                 | `src/description.js` | what it says about itself, and the schema of its options |\n\
                 | `src/api.js`, `src/http.js`, `src/failure.js` | the API, with typed failures |\n\
                 | `wit/plugin.wit` | what it imports; the contract is in `wit/deps/` |"
            }
            Self::Python => {
                "| `src/provider.py` | the provider: what it does for a service |\n\
                 | `src/description.py` | what it says about itself, and the schema of its options |\n\
                 | `src/api.py`, `src/gate.py`, `src/failure.py` | the API, with typed failures |\n\
                 | `wit/plugin.wit` | what it imports; the contract is in `wit/deps/` |"
            }
            Self::C => {
                "| `src/plugin.c` | the provider: what it does for a service |\n\
                 | `src/description.c` | what it says about itself, and the schema of its options |\n\
                 | `src/api.c`, `src/http.c`, `src/json.c`, `src/text.c` | the API, with typed failures |\n\
                 | `build/bindings/` | what `ss plugin build` generates from `wit/` |\n\
                 | `wit/plugin.wit` | what it imports; the contract is in `wit/deps/` |"
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::C => "C",
        })
    }
}
