//! A real server with a proxy before it, and what is read back from it.

use std::collections::BTreeMap;

use testkit::servers::DavServer;

use super::proxy::Proxy;
use super::reader::{self, Item, Look};

/// A real server.
pub struct Host {
    pub server: DavServer,
    pub proxy: Proxy,
}

impl Host {
    /// Radicale, or a message that there is none.
    pub fn radicale() -> Option<Self> {
        testkit::servers::radicale_with_password().map(Self::with)
    }

    /// Xandikos, or a message that there is none.
    pub fn xandikos() -> Option<Self> {
        testkit::servers::xandikos().map(Self::with)
    }

    fn with(server: DavServer) -> Self {
        let proxy = Proxy::before(server.root_url());
        Self { server, proxy }
    }

    /// The calendar home, by way of the proxy.
    pub fn url(&self) -> String {
        self.server.url().replace(self.server.root_url(), &self.proxy.root_url())
    }

    /// Everything in these calendars, read without the proxy.
    pub fn items(&self, calendars: &[String]) -> Vec<Item> {
        reader::items(&self.server.url(), calendars)
    }

    /// What is to be seen there, counted.
    pub fn looks(&self, calendars: &[String]) -> BTreeMap<Look, usize> {
        reader::counted(self.items(calendars).into_iter().map(|item| item.look))
    }
}
