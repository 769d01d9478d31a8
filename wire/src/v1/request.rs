//! What clients ask: one JSON object a text message.

use serde::{Deserialize, Serialize};

use super::frame::Position;
use crate::limits::{SNAPSHOT_WIDTH, SUBSCRIPTION_PATTERNS};
use crate::name;

/// A client's message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Watch signals, in place of those watched before.
    Subscribe(Subscribe),
}

/// Which signals, how much of their past, and from where on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The client's number for this request; answers repeat it.
    pub id: u32,
    /// Names, in which `*` stands for any run of characters.
    pub signals: Vec<String>,
    /// How many seconds of history come first; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<f64>,
    /// How many pixels wide the history will be drawn: at most two samples a pixel and signal come, the lowest and the
    /// highest. All samples when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Whether the history says which signals are reduced and to which slices, in a [`Kind::Reduced`](super::Kind::Reduced)
    /// frame.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub slice: bool,
    /// Where this client was: what was committed since comes instead of the history, if the server still can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Position>,
}

impl Subscribe {
    /// Whether every value is one of those allowed.
    ///
    /// # Errors
    /// A sentence that names the field and says what is allowed.
    pub fn check(&self) -> Result<(), String> {
        if self.signals.is_empty() || self.signals.len() > SUBSCRIPTION_PATTERNS {
            let count = self.signals.len();
            return Err(format!("signals has {count} patterns; 1 to {SUBSCRIPTION_PATTERNS} are allowed"));
        }
        for pattern in &self.signals {
            name::check(pattern).map_err(|message| format!("signals: {message}"))?;
        }
        name::check_patterns(&self.signals)
            .map_err(|(pattern, message)| format!("signals: {pattern} is not allowed: {message}"))?;
        if self.window.is_some_and(|seconds| !seconds.is_finite() || seconds <= 0.0) {
            return Err("window must be a number of seconds above 0".into());
        }
        if self.width.is_some_and(|width| width == 0 || width > SNAPSHOT_WIDTH) {
            return Err(format!("width must be 1 to {SNAPSHOT_WIDTH} pixels"));
        }
        Ok(())
    }
}
