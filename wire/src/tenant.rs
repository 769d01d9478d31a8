//! Tenants: those who use one server and know nothing of each other.

use serde::{Deserialize, Serialize};

use crate::people::SecondFactor;
use crate::{Invalid, Timestamp};

/// The tenant to which everything belongs that names none.
pub const DEFAULT: &str = "default";

/// What the names of copies of the default tenant begin with, where those of others begin with the tenant's name.
pub const PROGRAM: &str = "afterglow";

/// As many tenants as there may be beside the default one.
pub const TENANTS: usize = 64;

/// The longest name of a tenant, in bytes.
pub const TENANT_NAME_BYTES: usize = 32;

/// Stands between a tenant and a secret of it, and is in no secret of the default tenant.
pub const SEPARATOR: char = '.';

/// What a tenant may use. What is absent is limited as it is for the default tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    /// Samples a second that may be written, on average, with all keys together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = 5_000))]
    pub samples_per_second: Option<u32>,
    /// Signals that are kept; samples of further ones are rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<u32>,
    /// Signals that may become new in a day (UTC); samples of further ones are rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_signals_per_day: Option<u32>,
    /// For how many seconds a minute readers of its database may be held by queries, on average, with all keys together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_seconds_per_minute: Option<u32>,
    /// Bytes of its database, at least 64000000; beyond it its oldest samples expire before their time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Live clients that may be connected at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_clients: Option<u32>,
    /// How long samples are kept as they are, such as `36h`, `7d` or `forever`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "2d"))]
    pub keep_raw: Option<String>,
    /// How long a minute's values are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "30d"))]
    pub keep_minutes: Option<String>,
    /// How long an hour's values are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "forever"))]
    pub keep_hours: Option<String>,
    /// Which of its members must have one-time codes; all that the server's own setting requires must in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_second_factor: Option<SecondFactor>,
}

/// A body of `POST /api/tenants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// 1 to 32 of a to z, 0 to 9 and `-`, a letter first.
    #[cfg_attr(feature = "schema", schema(example = "acme"))]
    pub name: String,
    /// What it may use.
    #[serde(default)]
    pub limits: TenantLimits,
}

/// A body of `PATCH /api/tenants/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantPatch {
    /// What it may use from now on. A field that is absent is unchanged; one that is null is as for the default tenant.
    #[cfg_attr(feature = "schema", schema(value_type = TenantLimits))]
    pub limits: serde_json::Map<String, serde_json::Value>,
}

impl TenantPatch {
    /// What makes `before` into `after`.
    pub fn between(before: &TenantLimits, after: &TenantLimits) -> Self {
        let fields = |limits: &TenantLimits| match serde_json::to_value(limits) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (before, mut limits) = (fields(before), fields(after));
        for (name, value) in before {
            match limits.get(&name) {
                // As for the default tenant from now on.
                None => drop(limits.insert(name, serde_json::Value::Null)),
                Some(same) if *same == value => drop(limits.remove(&name)),
                Some(_) => {}
            }
        }
        Self { limits }
    }
}

/// Whether a tenant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// It is served.
    Active,
    /// Its database cannot be opened for now; the server's log says why.
    Unavailable,
    /// It is being deleted.
    Deleting,
}

/// A tenant beside the default one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tenant {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(example = "acme"))]
    pub name: String,
    /// Whether it can be used.
    pub state: TenantState,
    /// When it was made.
    pub created: Timestamp,
    /// What it may use.
    pub limits: TenantLimits,
    /// Signals that there are; 0 while it is not served.
    pub signals: usize,
    /// Samples that were stored since the server started.
    pub samples: u64,
    /// Live clients that are connected.
    pub live_clients: usize,
}

/// A tenant that was just made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedTenant {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(example = "acme"))]
    pub name: String,
    /// The link with which its first admin chooses a name and a password, once, within 30 minutes: path and fragment.
    #[cfg_attr(feature = "schema", schema(example = "/setup#acme.0123"))]
    pub link: String,
}

/// Checks the name of a tenant.
///
/// # Errors
/// Names the field and what is allowed.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !begins || name.len() > TENANT_NAME_BYTES || !name.bytes().all(allowed) {
        return Err(Invalid::new("name", "1 to 32 of a to z, 0 to 9 and '-', a letter first"));
    }
    if name == PROGRAM {
        return Err(Invalid::new("name", "copies of the default tenant have it in their names"));
    }
    if name == DEFAULT {
        return Err(Invalid::new("name", "it is the name of the tenant that there is without making one"));
    }
    Ok(())
}

/// The tenant whose secret a text would be: one that a server gave to a browser, or wrote into a link.
pub fn of_secret(text: &str) -> Option<&str> {
    text.split_once(SEPARATOR).map(|(tenant, _)| tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "acme", "acme-2", "x0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in
            ["", "default", "afterglow", "Acme", "2a", "-a", "a.b", "a/b", "..", "a_b", &"a".repeat(33)]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_patch_has_what_differs() {
        let before = TenantLimits {
            signals: Some(5),
            bytes: Some(64_000_000),
            live_clients: Some(2),
            ..Default::default()
        };
        let after = TenantLimits {
            signals: Some(6),
            keep_raw: Some("7d".to_owned()),
            live_clients: Some(2),
            ..Default::default()
        };
        let patch = serde_json::to_value(TenantPatch::between(&before, &after)).unwrap();
        assert_eq!(patch, serde_json::json!({"limits": {"signals": 6, "keep_raw": "7d", "bytes": null}}));
        assert!(TenantPatch::between(&after, &after).limits.is_empty());
    }

    #[test]
    fn a_secret_names_its_tenant() {
        assert_eq!(of_secret("acme.0123.4"), Some("acme"));
        assert_eq!(of_secret("0123"), None);
    }
}
