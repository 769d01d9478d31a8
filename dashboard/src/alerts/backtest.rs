//! What a back-test found, as the page reads it; by hand, as episodes are.

use serde_json::Value;

use super::episode::{instant, number, text};

use crate::order;

/// What a rule would have found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// How long the span is, in microseconds.
    pub span: i64,
    /// How often it would have fired.
    pub times: f64,
    /// The longest episode, in seconds.
    pub longest: f64,
    /// The share of the span, 0 to 1.
    pub share: f64,
    /// Signals that were looked at.
    pub signals: f64,
    /// Whether there are more.
    pub is_capped: bool,
    /// The episodes, the latest first.
    pub episodes: Vec<Would>,
}

/// An alert that would have fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Would {
    /// The signal, or what stands for several.
    pub scope: String,
    /// When, in microseconds.
    pub fired: i64,
    /// When it would have been resolved; none when not within the span.
    pub resolved: Option<i64>,
}

impl Found {
    /// The answer to `POST /api/rules/test`.
    pub fn read(answer: &Value) -> Self {
        let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        let mut episodes = Vec::new();
        for scope in list(&answer["scopes"]) {
            for episode in list(&scope["episodes"]) {
                let fired = instant(&episode, "fired").unwrap_or_default();
                let resolved = instant(&episode, "resolved");
                episodes.push(Would { scope: text(&scope, "scope"), fired, resolved });
            }
        }
        order::sort_by_key(&mut episodes, |episode| std::cmp::Reverse(episode.fired));
        let end = |member| instant(answer, member).unwrap_or_default();
        Self {
            span: end("to") - end("from"),
            times: number(answer, "times"),
            longest: number(answer, "longest"),
            share: number(answer, "share"),
            signals: number(answer, "signals"),
            is_capped: answer["capped"] == true,
            episodes,
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use afterglow_wire::backtest::{Backtest, EpisodeBacktest, ScopeBacktest};

    use super::*;

    #[test]
    fn it_is_read_as_the_server_writes_it() {
        let at = Timestamp::from_micros;
        let episode = |fired, resolved: Option<i64>| EpisodeBacktest {
            fired: at(fired),
            resolved: resolved.map(at),
            ..EpisodeBacktest::default()
        };
        let scope = |scope: &str, episodes| ScopeBacktest {
            scope: scope.into(),
            episodes,
            ..ScopeBacktest::default()
        };
        let sent = Backtest {
            from: at(1),
            to: at(100),
            times: 3,
            longest: 2.5,
            share: 0.25,
            signals: 2,
            capped: true,
            scopes: vec![
                scope("a", vec![episode(5, Some(6)), episode(50, None)]),
                scope("b", vec![episode(7, Some(9))]),
            ],
            ..Backtest::default()
        };
        let found = Found::read(&serde_json::to_value(sent).unwrap());
        assert_eq!((found.span, found.times, found.longest), (99, 3.0, 2.5));
        assert_eq!((found.share, found.signals, found.is_capped), (0.25, 2.0, true));
        let would: Vec<_> =
            found.episodes.iter().map(|one| (one.scope.as_str(), one.fired, one.resolved)).collect();
        assert_eq!(would, [("a", 50, None), ("b", 7, Some(9)), ("a", 5, Some(6))]);
    }
}
