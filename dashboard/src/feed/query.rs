//! The query for samples that have been stored.

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::{History, SignalDetails};

use crate::history::Loaded;
use crate::rest;
use crate::time::Span;

/// Points that an answer may have, all signals together: about 30 MB of text before compression.
const POINTS: usize = 500_000;
/// More samples of a signal than this come back reduced: ten a second for an hour still come back whole.
const MOST_POINTS: usize = 50_000;
/// However many signals there are, each has enough points for a chart.
const LEAST_POINTS: usize = 1_000;

/// What the server has.
pub(super) struct Answer {
    /// Every signal that it knows.
    pub(super) signals: Vec<SignalDetails>,
    /// Signal names and their samples as microseconds and values.
    pub(super) samples: Vec<(String, Vec<(i64, f64)>)>,
    /// What was asked for.
    pub(super) loaded: Loaded,
}

/// The stored samples of `span`, or why there are none.
pub(super) async fn telemetry(span: Span) -> Result<Answer, String> {
    let signals: Vec<SignalDetails> = rest::get("/api/signals?details=1", None).await?;
    let max_points = (POINTS / signals.len().max(1)).clamp(LEAST_POINTS, MOST_POINTS);
    let [from, to] = [span.from, span.to].map(Timestamp::from_micros);
    let address = format!("/api/telemetry?from={from}&to={to}&max_points={max_points}");
    let history: History = rest::get(&address, None).await?;
    Ok(Answer { signals, samples: crate::loader::columns(history), loaded: Loaded { span, max_points } })
}
