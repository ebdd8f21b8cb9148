//! A PostgreSQL database for one test, on the server that `$ROTABRIDGE_TEST_POSTGRES` names.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::world::World;

/// A database that goes away with this value.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A new, empty one, or a message that there is no server.
    pub fn fresh() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a test's only configuration")]
        let Ok(server) = std::env::var("ROTABRIDGE_TEST_POSTGRES") else {
            println!("skipped: ROTABRIDGE_TEST_POSTGRES names no PostgreSQL server");
            return None;
        };
        let name = format!("rotabridge_servers_{}", std::process::id());
        let database = Self { server, name };
        database.say(format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    /// Makes it the store of this world.
    pub fn write_into(&self, world: &World) {
        let mut url = Url::parse(&self.server).unwrap();
        url.set_path(&self.name);
        let mut store = String::from("[store]\n");
        if let Some(password) = url.password() {
            world.write("store-password", password);
            store.push_str("password_file = \"store-password\"\n");
        }
        url.set_password(None).unwrap();
        store.push_str(&format!("url = \"{url}\"\n\n[[roster]]"));
        world.edit("[[roster]]", &store);
    }

    fn say(&self, statement: String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.server).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.say(format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
