//! Who may log in, and how.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Invalid, Timestamp};

/// The shortest password, in bytes.
pub const PASSWORD_LEAST: usize = 12;
/// The longest password, in bytes.
pub const PASSWORD_MOST: usize = 1_024;
/// The longest name of a member, in bytes.
pub const MEMBER_NAME_BYTES: usize = 64;
/// As many members as there may be.
pub const MEMBERS: usize = 1_000;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See everything, change nothing.
    Viewer,
    /// Also send samples, and change boards, annotations and metadata.
    Editor,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which members must have one-time codes; a later one requires all that those before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// None must.
    #[default]
    Nobody,
    /// Those who manage the others.
    Admins,
    /// All.
    Everyone,
}

impl FromStr for SecondFactor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "nobody" => Ok(Self::Nobody),
            "admins" => Ok(Self::Admins),
            "everyone" => Ok(Self::Everyone),
            _ => Err("nobody, admins or everyone"),
        }
    }
}

/// A body of `POST /api/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The member's name; behind it `@` and the tenant, where that is not the default one.
    #[cfg_attr(feature = "schema", schema(example = "ada"))]
    pub name: String,
    /// The password.
    #[cfg_attr(feature = "schema", schema(example = "correct horse battery staple"))]
    pub password: String,
    /// A one-time code, or a recovery code, where the member has chosen that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Somebody with whose accounts one can log in: the answer to `GET /api/login` has all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Provider {
    /// What addresses call it.
    #[cfg_attr(feature = "schema", schema(example = "company"))]
    pub name: String,
    /// What people call it.
    #[cfg_attr(feature = "schema", schema(example = "Our Company"))]
    pub title: String,
}

/// A body of `POST /api/login/oidc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The provider's name.
    #[cfg_attr(feature = "schema", schema(example = "company"))]
    pub issuer: String,
}

/// Where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Onward {
    /// The provider's address, with what it is asked.
    pub url: String,
}

/// A body of `POST /api/setup`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What stands behind the `#` of the link, up to a colon.
    pub token: String,
    /// The name of the first admin; other links are for somebody who has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "ada"))]
    pub name: Option<String>,
    /// The password to be.
    #[cfg_attr(feature = "schema", schema(example = "correct horse battery staple"))]
    pub password: String,
}

/// A body of `POST /api/password`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password up to now.
    pub old: String,
    /// The password to be.
    #[cfg_attr(feature = "schema", schema(example = "correct horse battery staple"))]
    pub new: String,
}

/// A body of `POST /api/codes` and `DELETE /api/codes`: someone who finds the page open does not know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The member's password.
    pub password: String,
}

/// The secret of one-time codes: the answer that makes it, this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CodeSecret {
    /// As apps take it by hand.
    #[cfg_attr(feature = "schema", schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))]
    pub secret: String,
    /// As apps take it from a link.
    pub uri: String,
}

/// A body of `PUT /api/codes`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FirstCode {
    /// A code of now, which shows that the app has the secret.
    #[cfg_attr(feature = "schema", schema(example = "287082"))]
    pub code: String,
}

/// What stands for a lost device: the answer that makes it, this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecoveryCodes {
    /// Each counts once.
    pub recovery: Vec<String>,
}

macro_rules! secret_debug {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )+};
}

secret_debug!(Login, Setup, NewPassword, Confirmation, CodeSecret, FirstCode, RecoveryCodes);

/// Who asks: the answer to `GET /api/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Me {
    /// `member`, `key`, or `local`: everyone who reaches a server that asks for no key.
    #[cfg_attr(feature = "schema", schema(example = "member"))]
    pub kind: String,
    /// The member's name, or the key's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Which operations are allowed.
    pub scopes: Vec<crate::access::Scope>,
    /// Whether the member shows a one-time code to log in.
    #[serde(default)]
    pub has_codes: bool,
    /// Whether the member must set one-time codes up (`POST /api/codes`) before anything else is allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_codes: bool,
    /// The tenant; the default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The names of identity providers with whose accounts the member logs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// The name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether a password was chosen, or an account of an identity provider is known; nobody logs in before.
    pub is_active: bool,
    /// Whether a one-time code is shown to log in.
    pub has_codes: bool,
}

/// A body of `POST /api/members`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// 1 to 64 of a to z, 0 to 9, `.`, `_`, `-`.
    #[cfg_attr(feature = "schema", schema(example = "bob"))]
    pub name: String,
    /// What the member may do.
    pub role: Role,
}

/// A body of `PATCH /api/members/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberPatch {
    /// What the member may do from now on; ends the member's sessions.
    pub role: Role,
}

/// A link with which somebody chooses a password: the answer that makes it, this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// Whose.
    pub name: String,
    /// Path and fragment; browsers send the latter to nobody.
    #[cfg_attr(feature = "schema", schema(example = "/setup#0123:bob"))]
    pub link: String,
    /// Until when.
    pub expires: Timestamp,
}

secret_debug!(Invitation);

/// A browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionInfo {
    /// Its number.
    pub id: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
    /// When it began.
    pub created: Timestamp,
    /// When it was used last.
    pub seen: Timestamp,
    /// Where it began.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// Checks a member's name.
///
/// # Errors
/// Names the field and what is allowed.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > MEMBER_NAME_BYTES || !name.bytes().all(allowed) {
        return Err(Invalid::new("name", "1 to 64 of a to z, 0 to 9, '.', '_' and '-'"));
    }
    Ok(())
}

/// Checks a password for the member called `name`: only its length, and that it is not made of what everyone knows.
///
/// # Errors
/// Names the field and what is allowed.
pub fn check_password(password: &str, name: &str) -> Result<(), Invalid> {
    if !(PASSWORD_LEAST..=PASSWORD_MOST).contains(&password.len()) {
        return Err(Invalid::new("password", "12 to 1,024 bytes"));
    }
    let lower = password.to_lowercase();
    let rest = lower.replace(name, "").replace("afterglow", "").replace("password", "");
    let different = rest.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < 5 {
        return Err(Invalid::new(
            "password",
            "something with at least five different characters beside your name and the words that everyone tries",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["ada", "a", "bob.b-2_x", "0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Ada", "a b", "a:b", "ä", "a/b", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords() {
        for good in ["correct horse", "twelve bytes", "пароль пароль", "            abcde"] {
            assert!(check_password(good, "ada").is_ok(), "{good}");
        }
        for bad in ["elevenbytes", "aaaaaaaaaaaaaaaa", "adaadaadaada", "passwordpassword", "afterglow123", ""]
        {
            assert!(check_password(bad, "ada").is_err(), "{bad}");
        }
        assert!(check_password(&"abcde".repeat(205), "ada").is_err());
    }

    #[test]
    fn secrets_are_not_in_debug_texts() {
        let login = Login { name: "ada".into(), password: "secret".into(), code: None };
        assert_eq!(format!("{login:?}"), "Login { .. }");
    }
}
