//! The databases that Railway runs from images: which one, where its data lies, and how to reach it.

use serde::Deserialize;
use serde_json::Value;

/// What stands for the password in [`Facts::variables`] and [`Facts::url`].
const PASSWORD: &str = "<password>";

/// What stands for host and port in [`Facts::url`].
const AUTHORITY: &str = "<host>";

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Postgres,
    Mysql,
    Redis,
    Mongo,
}

/// How a kind of database is run.
pub struct Facts {
    pub image: &'static str,
    pub port: u16,
    pub mount_path: &'static str,
    /// Instead of the image's own; Railway runs no shell by itself.
    pub start_command: Option<&'static str>,
    variables: &'static [(&'static str, &'static str)],
    url: &'static str,
}

impl Kind {
    /// How it is run.
    pub fn facts(self) -> Facts {
        match self {
            Self::Postgres => Facts {
                image: "postgres:17",
                port: 5432,
                mount_path: "/var/lib/postgresql/data",
                start_command: None,
                variables: &[
                    ("POSTGRES_USER", "postgres"),
                    ("POSTGRES_PASSWORD", PASSWORD),
                    ("POSTGRES_DB", "railway"),
                    // The volume itself is not empty: it has a `lost+found`.
                    ("PGDATA", "/var/lib/postgresql/data/pgdata"),
                ],
                url: "postgresql://postgres:<password>@<host>/railway",
            },
            Self::Mysql => Facts {
                image: "mysql:9",
                port: 3306,
                mount_path: "/var/lib/mysql",
                start_command: None,
                variables: &[("MYSQL_ROOT_PASSWORD", PASSWORD), ("MYSQL_DATABASE", "railway")],
                url: "mysql://root:<password>@<host>/railway",
            },
            Self::Redis => Facts {
                image: "redis:8",
                port: 6379,
                mount_path: "/data",
                start_command: Some(
                    "/bin/sh -c \"exec redis-server --requirepass $REDIS_PASSWORD --save 60 1 --dir /data\"",
                ),
                variables: &[("REDIS_PASSWORD", PASSWORD)],
                url: "redis://default:<password>@<host>",
            },
            Self::Mongo => Facts {
                image: "mongo:8",
                port: 27017,
                mount_path: "/data/db",
                // The private network is IPv6.
                start_command: Some("docker-entrypoint.sh mongod --ipv6 --bind_ip ::,0.0.0.0"),
                variables: &[
                    ("MONGO_INITDB_ROOT_USERNAME", "mongo"),
                    ("MONGO_INITDB_ROOT_PASSWORD", PASSWORD),
                ],
                url: "mongodb://mongo:<password>@<host>",
            },
        }
    }

    /// The variable that holds the password.
    pub fn password_variable(self) -> &'static str {
        match self {
            Self::Postgres => "POSTGRES_PASSWORD",
            Self::Mysql => "MYSQL_ROOT_PASSWORD",
            Self::Redis => "REDIS_PASSWORD",
            Self::Mongo => "MONGO_INITDB_ROOT_PASSWORD",
        }
    }
}

impl Facts {
    /// The variables that the image reads.
    pub fn variables(&self, password: &str) -> impl Iterator<Item = (String, Value)> {
        let with = |text: &str| Value::from(text.replace(PASSWORD, password));
        self.variables.iter().map(move |(name, text)| ((*name).to_owned(), with(text)))
    }

    /// The address at this host.
    pub fn url(&self, password: &str, host: &str) -> String {
        self.url.replace(PASSWORD, password).replace(AUTHORITY, host)
    }
}
