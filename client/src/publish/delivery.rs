//! One attempt to deliver a batch, with the splitting that an answer 413 asks for.

use std::time::Duration;

use super::batch::Batch;
use super::verdict::Verdict;

/// How many refusals one delivery describes; the rest are only counted.
const DESCRIBED: usize = 5;

/// What came of an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// Samples that the backend now holds.
    pub stored: usize,
    /// Samples that the backend refused for good, one by one or with their batch.
    pub rejected: usize,
    /// Some of the refusals, as sentences.
    pub reasons: Vec<String>,
    /// Set when the whole batch has to be sent again; then nothing above counts.
    pub retry: Option<Retry>,
}

/// Why and when to send a batch again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// What went wrong.
    pub reason: String,
    /// How long the backend asked to wait.
    pub after: Option<Duration>,
}

/// Sends `batch` through `post`, and its halves when it is too large.
///
/// When a half has to be retried, so has the whole: the half that was stored is stored again, which
/// changes nothing.
pub fn deliver(batch: &Batch, post: &mut impl FnMut(&Batch) -> Verdict) -> Delivery {
    let mut delivery = Delivery::default();
    let mut todo = vec![batch.clone()];
    while let Some(part) = todo.pop() {
        match post(&part) {
            Verdict::Stored { rejected, listed } => {
                let rejected = rejected.min(part.samples());
                delivery.stored += part.samples() - rejected;
                delivery.rejected += rejected;
                for refusal in listed {
                    let signal = refusal.signal.as_deref().unwrap_or("all signals");
                    delivery.describe(format!("{signal}: {}: {}", refusal.code, refusal.message));
                }
            }
            Verdict::Refused { reason } => delivery.refuse(&part, reason),
            Verdict::TooLarge => match part.split() {
                // The first half on top, so that the oldest goes first.
                Some((first, second)) => todo.extend([second, first]),
                None => delivery.refuse(&part, "status 413: one sample is too large".to_owned()),
            },
            Verdict::Retry { reason, after } => {
                return Delivery { retry: Some(Retry { reason, after }), ..Delivery::default() };
            }
        }
    }
    delivery
}

impl Delivery {
    fn refuse(&mut self, part: &Batch, reason: String) {
        self.rejected += part.samples();
        self.describe(reason);
    }

    fn describe(&mut self, reason: String) {
        if self.reasons.len() < DESCRIBED {
            self.reasons.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use afterglow_wire::telemetry::Reading;

    use super::*;

    fn batch(instants: i64) -> Batch {
        let readings: Vec<_> = (0..instants)
            .map(|i| Reading {
                timestamp: Some(Timestamp::from_micros(i)),
                signals: [("x".to_owned(), 1.0)].into(),
            })
            .collect();
        Batch::encode(&readings).unwrap()
    }

    #[test]
    fn too_large_is_split_until_it_fits() {
        let mut sizes = Vec::new();
        let delivery = deliver(&batch(8), &mut |part| {
            sizes.push(part.samples());
            match part.samples() {
                0..=2 => Verdict::Stored { rejected: 0, listed: vec![] },
                _ => Verdict::TooLarge,
            }
        });
        assert_eq!(sizes, [8, 4, 2, 2, 4, 2, 2]);
        assert_eq!((delivery.stored, delivery.rejected, delivery.retry), (8, 0, None));
    }

    #[test]
    fn a_single_sample_that_is_too_large_is_rejected() {
        let delivery = deliver(&batch(3), &mut |_| Verdict::TooLarge);
        assert_eq!((delivery.stored, delivery.rejected), (0, 3));
    }

    #[test]
    fn a_half_to_retry_makes_the_whole_retry() {
        let mut calls = 0;
        let delivery = deliver(&batch(2), &mut |_| {
            calls += 1;
            match calls {
                1 => Verdict::TooLarge,
                2 => Verdict::Stored { rejected: 0, listed: vec![] },
                _ => Verdict::Retry { reason: "down".into(), after: None },
            }
        });
        assert_eq!((delivery.stored, delivery.retry.is_some()), (0, true));
    }
}
