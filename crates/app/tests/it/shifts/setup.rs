//! What is peculiar to one site: who there is, which way changes go, how the vendor behaves.

use simulators::graph::Options;
use simulators::graph::integration::CallOptions;

/// What is peculiar to a site.
pub struct Setup {
    /// How Graph behaves.
    pub options: Options,
    /// How Shifts calls.
    pub calls: CallOptions,
    /// Employees with their groups; each group has a team of its own, named like it.
    pub people: Vec<(String, String)>,
    /// Employees who are in the roster and in no team.
    pub strangers: Vec<String>,
    /// Whether people may ask for changes: then the roster is its own record.
    pub two_way: bool,
    /// `[roster.rules]`, below the heading.
    pub rules: String,
    /// More keys of the mirror.
    pub mirror: String,
}

impl Setup {
    /// Four people in one team and three in another.
    fn new(two_way: bool) -> Self {
        let groups = [("Ward", ["anna", "ben", "cleo", "dan"].as_slice())];
        let groups = groups.into_iter().chain([("Desk", ["eva", "finn", "gina"].as_slice())]);
        let people = groups.flat_map(|(group, all)| {
            all.iter().map(|it| ((*it).to_owned(), group.to_owned())).collect::<Vec<_>>()
        });
        Self {
            options: Options { quotas: None, ..Options::default() },
            calls: CallOptions::default(),
            people: people.collect(),
            strangers: vec![],
            two_way,
            rules: String::new(),
            mirror: String::new(),
        }
    }

    /// A WFM plans, and nobody asks.
    pub fn one_way() -> Self {
        Self::new(false)
    }

    /// The roster is its own record, and rules decide.
    pub fn two_way() -> Self {
        Self::new(true)
    }

    /// The same with more keys in the mirror.
    pub fn keys(mut self, keys: &str) -> Self {
        self.mirror.push_str(keys);
        self
    }

    /// The same with rules.
    pub fn rules(mut self, rules: &str) -> Self {
        rules.clone_into(&mut self.rules);
        self
    }

    /// The same with other behaviour of Graph.
    pub fn graph(mut self, edit: impl FnOnce(&mut Options)) -> Self {
        edit(&mut self.options);
        self
    }

    /// The same where clients of Shifts try so often again when no answer came.
    pub fn retries(mut self, retries: u32) -> Self {
        self.calls.retries = retries;
        self
    }
}
