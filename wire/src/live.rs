//! The text events of the original contract, `/ws`: one JSON object a frame, `{"event": "...", "data": {...}}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A frame that the server sends to a client which asked for no subprotocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// The first frame after the handshake.
    ConnectionResponse(Greeting),
    /// Samples that have just been committed.
    TelemetryUpdate(Update),
    /// Samples were left out before what follows.
    Gap(Gap),
}

/// The first frame's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    /// Always `connected`.
    pub status: Cow<'static, str>,
    /// The server's clock when the socket opened.
    pub server_time: Timestamp,
}

/// Samples of one instant that have just been committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// When the values were true.
    pub timestamp: Timestamp,
    /// Signal name to value.
    pub signals: BTreeMap<String, f64>,
    /// True when older values were left out because this client reads too slowly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflated: bool,
}

/// What is to be done about samples that were left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// For people.
    pub message: Cow<'static, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_the_inherited_shape() {
        let event = Event::TelemetryUpdate(Update {
            timestamp: Timestamp::from_micros(1_700_000_000_250_000),
            signals: BTreeMap::from([("sine".to_owned(), 1.5)]),
            conflated: false,
        });
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"telemetry_update","data":{"timestamp":"2023-11-14T22:13:20.250000Z","signals":{"sine":1.5}}}"#
        );
    }
}
