//! Accounts of people at identity providers.

use afterglow_wire::Code;
use afterglow_wire::people::Role;

use crate::refusal::Refusal;

/// Somebody who has an account at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's address.
    pub issuer: String,
    /// What it calls the account; nothing else of it is compared.
    pub subject: String,
    /// A name that the person goes by; anybody may choose it.
    pub called: String,
    /// What the provider says that this person may do here.
    pub role: Option<Role>,
    /// Whether somebody whom nobody has added may become a member.
    pub creates: bool,
}

/// Why a login has not ended well.
#[derive(Debug)]
pub enum LoginError {
    /// There is no provider of this name.
    Unknown,
    /// The provider does not answer as it should.
    Down(String),
    /// The browser brings back something other than what it was given, or too late.
    Denied(&'static str),
    /// Too many wait.
    Busy,
}

impl From<LoginError> for Refusal {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Unknown => Self::new(Code::NotFound, "there is no identity provider of this name"),
            LoginError::Down(_) => {
                Self::new(Code::IssuerDown, "the identity provider does not answer; the log says why")
            }
            LoginError::Denied(why) => Self::new(Code::Unauthenticated, why),
            LoginError::Busy => Self::new(Code::RateLimited, "too many people log in; try again in a moment"),
        }
    }
}
