//! A schema of the tests' server.

use std::sync::atomic::{AtomicU32, Ordering};

use super::cluster;
use crate::{HEAD_SAMPLES, Server, StoreConfig};

/// A schema of the server's database, which nobody else uses.
pub(super) struct Schema(String);

impl Schema {
    pub(super) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("s{}", LAST.fetch_add(1, Ordering::Relaxed));
        execute(&url("public"), &format!("CREATE SCHEMA {name}"));
        Self(name)
    }

    pub(super) fn url(&self) -> String {
        url(&self.0)
    }

    pub(super) fn config(&self) -> StoreConfig {
        StoreConfig {
            database: self.url().parse().unwrap(),
            readers: 2,
            signal_limit: 10,
            read_limit: None,
            head_samples: HEAD_SAMPLES,
        }
    }

    /// Runs statements behind the store's back.
    pub(super) fn execute(&self, statements: &str) {
        execute(&self.url(), statements);
    }
}

fn execute(url: &str, statements: &str) {
    crate::postgres::execute(&Server::new(url).unwrap(), statements).unwrap();
}

/// The URL of a schema of the server's database.
fn url(schema: &str) -> String {
    let host = cluster::folder().replace('/', "%2F");
    format!("postgres://afterglow@{host}/postgres?options=-c%20search_path%3D{schema}")
}
