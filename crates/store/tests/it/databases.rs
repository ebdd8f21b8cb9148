//! Databases for tests: a file in a folder of its own, or a fresh PostgreSQL database.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use testkit::conformance::store::Handles;

/// Two handles to the store at `url`.
pub async fn handles(url: &str) -> Handles {
    Handles { one: store::open(url).await.unwrap(), two: store::open(url).await.unwrap() }
}

/// The URL of a SQLite file in `folder` that does not exist yet.
pub fn sqlite_url(folder: &TempDir) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.path().join(format!("store-{number}.db"));
    format!("sqlite://{}", path.display())
}

/// A PostgreSQL server on which tests may make databases.
pub struct Server {
    url: String,
    made: std::sync::Mutex<Vec<String>>,
}

impl Server {
    /// The server that the environment names, or a message that there is none.
    #[expect(clippy::disallowed_methods, reason = "a test's only configuration")]
    pub fn find() -> Option<Self> {
        match std::env::var("ROTABRIDGE_TEST_POSTGRES") {
            Ok(url) => Some(Self { url, made: std::sync::Mutex::default() }),
            Err(_) => {
                println!("skipped: ROTABRIDGE_TEST_POSTGRES names no PostgreSQL server");
                None
            }
        }
    }

    /// The URL of a new, empty database.
    pub async fn fresh(&self) -> String {
        let number = self.made.lock().unwrap().len();
        let name = format!("rotabridge_test_{}_{number}", std::process::id());
        self.execute(format!("CREATE DATABASE {name}")).await;
        let (server, _) = self.url.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        self.made.lock().unwrap().push(name);
        url
    }

    /// Removes every database that was made.
    pub async fn clean(self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        for name in made {
            self.execute(format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    async fn execute(&self, statement: String) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        connection.close().await.unwrap();
    }
}
