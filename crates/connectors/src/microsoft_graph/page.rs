//! Reading a collection page by page.
//!
//! Where the next page is, Graph says with a whole URL. Our token goes there, so it has to be on
//! the same origin and below the same version; whatever else it says is no place for us.

use std::marker::PhantomData;

use domain::limits::LIST_PAGES_MAX;
use engine::port::FailureClass;
use serde::de::DeserializeOwned;
use url::{Position, Url};

use super::client::{Ask, Graph, GraphFailure, Version};
use super::wire::Page;

/// The pages of one collection, in order.
#[derive(Debug)]
pub struct Pages<'a, T> {
    graph: &'a Graph,
    next: Option<Ask>,
    read: usize,
    items: PhantomData<fn() -> T>,
}

impl Graph {
    /// The pages of the collection that `ask` reads; nothing is sent yet.
    #[must_use]
    pub fn pages<T>(&self, ask: Ask) -> Pages<'_, T> {
        Pages { graph: self, next: Some(ask), read: 0, items: PhantomData }
    }

    /// Reads a whole collection.
    ///
    /// # Errors
    /// The first failure; then nothing may be concluded from what is absent.
    pub async fn list<T: DeserializeOwned>(&self, ask: Ask) -> Result<Vec<T>, GraphFailure> {
        let mut pages = self.pages::<T>(ask);
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

impl<T> Pages<'_, T> {
    /// The path that the next page will be read from; `None` after the last.
    #[must_use]
    pub fn next_path(&self) -> Option<&str> {
        self.next.as_ref().map(|ask| ask.path.as_str())
    }
}

impl<T: DeserializeOwned> Pages<'_, T> {
    /// Reads the next page; `None` after the last. After a failure, too: begin again then.
    ///
    /// # Errors
    /// [`GraphFailure`]; `Bug` when Graph leads elsewhere or never ends.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, GraphFailure> {
        let Some(ask) = self.next.take() else {
            return Ok(None);
        };
        if self.read >= LIST_PAGES_MAX {
            let detail = format!("more than {LIST_PAGES_MAX} pages");
            return Err(ask.failure(FailureClass::Bug, detail));
        }
        let Page { value, next_link } = self.graph.send(&ask).await?.json::<Page<T>>()?;
        self.read += 1;
        if let Some(link) = next_link {
            let path = next_path(&self.graph.url, ask.version, &link)
                .filter(|path| *path != ask.path)
                .ok_or_else(|| {
                    let detail = "the next page is said to be elsewhere, or to be this one";
                    ask.failure(FailureClass::Bug, detail)
                })?;
            let mut next = ask;
            next.path = path;
            self.next = Some(next);
        }
        Ok(Some(value))
    }
}

/// The path and query below the version that `link` leads to, if we may go there.
#[must_use]
pub(super) fn next_path(graph: &Url, version: Version, link: &str) -> Option<String> {
    // Parsing takes `..` out, also where it is encoded.
    let link = Url::parse(link).ok().filter(|it| it.origin() == graph.origin())?;
    let base = graph.path().trim_end_matches('/');
    let path = &link[Position::BeforePath..Position::AfterQuery];
    let below = path.strip_prefix(base)?.strip_prefix('/')?.strip_prefix(version.as_str())?;
    below.starts_with('/').then(|| below.to_owned())
}
