//! What the played server holds: folders, calendars, objects, and the history of each calendar.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub data: Bytes,
    /// Unique over the server's life, so an etag never comes back.
    pub version: u64,
    uid: Option<String>,
}

/// A calendar, or a folder.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub is_calendar: bool,
    /// Which of the collections that ever stood at this path it is.
    pub number: u64,
    pub objects: BTreeMap<String, Object>,
    by_uid: HashMap<String, String>,
    /// What was put or deleted, in order.
    history: Vec<String>,
    /// Tokens before this place in the history are not accepted.
    oldest: usize,
}

/// Everything on the server; paths are decoded, those of collections end with `/`.
#[derive(Debug, Default)]
pub(super) struct Calendars {
    collections: BTreeMap<String, Collection>,
    made: u64,
    version: u64,
}

/// A change of one object since some point.
pub(super) struct Change<'a> {
    pub name: &'a str,
    /// Its version; `None` when it is gone.
    pub version: Option<u64>,
}

/// What changed since a token, as far as it fits.
pub(super) struct Changes<'a> {
    pub changes: Vec<Change<'a>>,
    /// The place in the history up to which these are all.
    pub upto: usize,
    pub is_cut: bool,
}

impl Calendars {
    /// Makes the folders of the calendar home.
    pub fn add_home(&mut self, home: &str) {
        for (end, _) in home.match_indices('/') {
            self.make_folder(&home[..=end]);
        }
    }

    pub fn make_folder(&mut self, path: &str) {
        self.make(path, false);
    }

    pub fn make_calendar(&mut self, path: &str) {
        self.make(path, true);
    }

    fn make(&mut self, path: &str, is_calendar: bool) {
        self.made += 1;
        let number = self.made;
        let made = || Collection { is_calendar, number, ..Collection::default() };
        self.collections.entry(path.to_owned()).or_insert_with(made);
    }

    pub fn remove(&mut self, path: &str) {
        self.collections.remove(path);
    }

    pub fn collection(&self, path: &str) -> Option<&Collection> {
        self.collections.get(path)
    }

    /// The collections directly in `path`.
    pub fn children<'a>(
        &'a self,
        path: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Collection)> {
        self.collections
            .range::<str, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(move |(child, _)| child.starts_with(path))
            .filter(move |(child, _)| {
                let below = child[path.len()..].trim_end_matches('/');
                !below.is_empty() && !below.contains('/')
            })
            .map(|(child, collection)| (child.as_str(), collection))
    }

    pub fn objects(&self, path: &str) -> BTreeMap<String, Bytes> {
        let Some(collection) = self.collections.get(path) else {
            return BTreeMap::new();
        };
        let objects = collection.objects.iter();
        objects.map(|(name, object)| (name.clone(), object.data.clone())).collect()
    }

    /// The version that the object has then; `None` when there is no such collection.
    pub fn put(&mut self, path: &str, name: &str, data: Bytes) -> Option<u64> {
        self.version += 1;
        let version = self.version;
        let collection = self.collections.get_mut(path)?;
        let uid = uid_of(&data);
        let object = Object { data, version, uid: uid.clone() };
        let before = collection.objects.insert(name.to_owned(), object);
        if let Some(old) = before.and_then(|it| it.uid) {
            collection.by_uid.remove(&old);
        }
        if let Some(uid) = uid {
            collection.by_uid.insert(uid, name.to_owned());
        }
        collection.history.push(name.to_owned());
        Some(version)
    }

    /// Whether it was there.
    pub fn delete(&mut self, path: &str, name: &str) -> bool {
        let Some(collection) = self.collections.get_mut(path) else {
            return false;
        };
        let Some(object) = collection.objects.remove(name) else {
            return false;
        };
        if let Some(uid) = object.uid {
            collection.by_uid.remove(&uid);
        }
        collection.history.push(name.to_owned());
        true
    }

    pub fn expire_tokens(&mut self, path: &str) {
        if let Some(collection) = self.collections.get_mut(path) {
            // A change that is none, so that even the newest token is too old.
            collection.history.push(String::new());
            collection.oldest = collection.history.len();
        }
    }
}

impl Collection {
    /// Under which other name an object with the `UID` of `data` exists.
    pub fn holder_of_uid(&self, name: &str, data: &[u8]) -> Option<&str> {
        let holder = self.by_uid.get(&uid_of(data)?)?;
        (holder != name).then_some(holder.as_str())
    }

    /// The newest place in the history.
    pub fn newest(&self) -> usize {
        self.history.len()
    }

    /// Whether a token for this place was given and is still good.
    pub fn accepts(&self, place: usize) -> bool {
        (self.oldest..=self.history.len()).contains(&place)
    }

    /// What changed after `place`, each object once, at most `count_max`.
    pub fn changes_after(&self, place: usize, count_max: usize) -> Changes<'_> {
        let mut latest: HashMap<&str, usize> = HashMap::new();
        for (index, name) in self.history.iter().enumerate().skip(place) {
            latest.insert(name, index);
        }
        let mut order: Vec<_> = latest.into_iter().map(|(name, at)| (at, name)).collect();
        order.sort_unstable();
        order.retain(|(_, name)| {
            !name.is_empty() && (place > 0 || self.objects.contains_key(*name))
        });
        let is_cut = order.len() > count_max;
        order.truncate(count_max);
        let upto = match order.last() {
            Some((at, _)) if is_cut => at + 1,
            _ => self.history.len(),
        };
        let changes = order.into_iter().map(|(_, name)| Change {
            name,
            version: self.objects.get(name).map(|object| object.version),
        });
        Changes { changes: changes.collect(), upto, is_cut }
    }
}

/// The `UID` of the first component that has one; folded ones are cut at the fold.
fn uid_of(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("UID:"))?;
    Some(line.trim_end().to_owned())
}
