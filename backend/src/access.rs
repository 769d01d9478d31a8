//! Who asks, and what they may do. A request becomes a [`Principal`] in the gate; every route names the scope that it needs.

mod codes;
mod grant;
mod password;
pub mod people;
mod principal;
mod throttle;

pub use grant::Grant;
pub use principal::{Denial, Granted, Principal, Who, WriteLimits};

/// What the gate asks about principals. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Access {
    is_open: bool,
}

impl Access {
    /// Of a server that is open or not: see [`Config::is_open`](crate::config::Config::is_open).
    pub fn new(is_open: bool) -> Self {
        Self { is_open }
    }

    /// Whether everyone who reaches the server may do everything.
    pub fn is_open(&self) -> bool {
        self.is_open
    }
}
