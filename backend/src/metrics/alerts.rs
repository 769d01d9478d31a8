//! What `/metrics` shows of alerts.

use std::time::Duration;

use afterglow_rules::{Counts, Kind, Transition};
use afterglow_wire::channel::Outcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The numbers of alerts. Cloning shares them.
#[derive(Clone)]
pub struct AlertMetrics {
    /// Samples handed to the evaluation.
    pub samples: Counter,
    /// Samples that were read from the journal because the evaluation was behind.
    pub shed: Counter,
    turns: Counter,
    silence_paused: Gauge,
    waiting: Gauge,
    evaluated: Gauge,
    late: Gauge,
    no_verdict: Gauge,
    refused: Gauge,
    transitions: Family<[(&'static str, &'static str); 1], Counter>,
    messages: Family<[(&'static str, String); 2], Counter>,
    delay: Histogram,
}

impl AlertMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let counter = |registry: &mut Registry, name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let samples =
            counter(registry, "alert_samples", "Committed samples handed to the evaluation of rules");
        let shed = counter(
            registry,
            "alert_samples_shed",
            "Samples read from the journal because rules were behind",
        );
        let turns = counter(registry, "alert_turns", "Times that rules were looked at");
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let silence_paused =
            gauge(registry, "alert_silence_paused", "1 while samples are refused and no silence is counted");
        let waiting = gauge(registry, "alert_samples_waiting", "Samples that wait to be evaluated");
        let evaluated = gauge(registry, "alert_samples_evaluated", "Samples of signals that a rule looks at");
        let late = gauge(
            registry,
            "alert_samples_late",
            "Evaluated samples that were earlier than their signal's newest",
        );
        let no_verdict = gauge(registry, "alert_no_verdict", "Values that could not be compared");
        let refused = gauge(registry, "alert_refused", "Alerts and windows that there was no room for");
        let transitions = Family::default();
        registry.register("alert_transitions", "What happened to alerts", transitions.clone());
        let messages = Family::default();
        registry.register("alert_messages", "Attempts to deliver messages", messages.clone());
        // 5 ms to 160 s.
        let delay = Histogram::new(exponential_buckets(0.005, 2.0, 16));
        let help = "From the moment a message was composed until it was taken, for those taken at once";
        registry.register_with_unit("alert_delay", help, Unit::Seconds, delay.clone());
        Self {
            samples,
            shed,
            turns,
            silence_paused,
            waiting,
            evaluated,
            late,
            no_verdict,
            refused,
            transitions,
            messages,
            delay,
        }
    }

    /// Rules were looked at, while samples are refused or not.
    pub fn turn(&self, is_paused: bool) {
        self.turns.inc();
        self.silence_paused.set(i64::from(is_paused));
    }

    /// Sets how many samples wait.
    pub fn waiting(&self, samples: usize) {
        self.waiting.set(i64::try_from(samples).unwrap_or(i64::MAX));
    }

    /// What the engine has counted.
    pub fn counts(&self, counts: Counts) {
        let set = |gauge: &Gauge, count: u64| {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        set(&self.evaluated, counts.evaluated);
        set(&self.late, counts.late);
        set(&self.no_verdict, counts.no_verdict);
        set(&self.refused, counts.refused + counts.refused_windows);
    }

    /// Something happened to an alert.
    pub fn transition(&self, transition: &Transition) {
        let to = match transition.kind {
            Kind::Pending => "pending",
            Kind::Cancelled => "cancelled",
            Kind::Fired => "fired",
            Kind::Confirmed => "confirmed",
            Kind::Level(_) => "level",
            Kind::Recovering => "recovering",
            Kind::Relapsed => "relapsed",
            Kind::Resolved(_) => "resolved",
        };
        self.transitions.get_or_create(&[("to", to)]).inc();
    }

    /// An attempt to send a message to a channel ended.
    pub fn message(&self, channel: &str, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Retry => "retry",
            Outcome::Refused => "refused",
            Outcome::GivenUp => "given_up",
        };
        self.messages
            .get_or_create(&[("channel", channel.to_owned()), ("outcome", outcome.to_owned())])
            .inc();
    }

    /// A message was taken so long after it was composed.
    pub fn sent_after(&self, delay: Duration) {
        self.delay.observe(delay.as_secs_f64());
    }
}
