//! Statement texts, and the little in which the two databases differ.
//!
//! Almost every statement has the same text for both. Differences are three:
//! - many rows are given as one JSON array of arrays, always `$1`, and opened by [`over_rows!`];
//! - many rows are read as one text, made by [`packed!`] and taken apart by [`crate::packed`]:
//!   a driver's cost per row is larger than the database's;
//! - `hex` and `unhex` are functions of SQLite, and defined in the schema of PostgreSQL.

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// One statement, in both dialects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl Sql {
    pub const fn same(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    pub fn text(self, dialect: Dialect) -> &'static str {
        #[cfg(test)]
        used::remember(self);
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

/// A statement in whose middle stands `given`: the rows of the JSON array of arrays `$1`, each as
/// `given.value`.
macro_rules! over_rows {
    ($before:expr, $after:expr) => {
        $crate::sql::Sql {
            sqlite: concat!($before, " jsonb_each($1) AS given ", $after),
            postgres: concat!($before, " jsonb_array_elements($1::jsonb) AS given(value) ", $after),
        }
    };
}

/// A query that joins all records of `$record` into one text, where `$from` finds them for each
/// row that is given. A subquery for each, not a join: PostgreSQL takes any number of given rows
/// for a hundred, and then rather walks over the whole table than look into an index so often.
macro_rules! for_each_given {
    ($record:expr, $from:expr) => {
        $crate::sql::over_rows!(
            concat!(
                "SELECT string_agg((SELECT string_agg(",
                $record,
                ", '\u{1e}') FROM ",
                $from,
                "), '\u{1e}') FROM"
            ),
            ""
        )
    };
}

/// An expression that joins columns into one record. None of them may hold a control character;
/// a null becomes an empty field.
macro_rules! packed {
    ($first:literal $(, $rest:literal)*) => {
        concat!("concat(", $first $(, ",'\u{1f}',", $rest)*, ")")
    };
}

/// A query that joins the records (named `record`) of the query inside into one text.
macro_rules! gathered {
    ($query:expr) => {
        concat!("SELECT string_agg(record, '\u{1e}') FROM (", $query, ") AS records")
    };
}

pub(crate) use {for_each_given, gathered, over_rows, packed};

/// Every statement that tests caused, to be looked at by `crate::plans`.
#[cfg(test)]
pub(crate) mod used {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::Sql;

    static USED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    pub fn remember(sql: Sql) {
        USED.lock().unwrap().insert(sql.sqlite);
    }

    pub fn all() -> BTreeSet<&'static str> {
        USED.lock().unwrap().clone()
    }
}
