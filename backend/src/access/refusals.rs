//! What was refused, summed up until it is written into the audit log: a flood of requests makes few entries.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_wire::Code;

use super::Who;
use crate::store::{Author, Event};

/// Different refusals that are kept apart until they are written; beyond it they are only counted.
const KINDS: usize = 1_000;

/// Counts of refusals. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    by_kind: HashMap<(String, IpAddr, &'static str, Code), u64>,
    others: u64,
}

impl Refusals {
    /// Counts one: `who`, from `address`, was refused the permission `what` with `code`.
    pub(super) fn add(&self, who: Who, address: IpAddr, what: &'static str, code: Code) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (who.to_string(), address, what, code);
        if counts.by_kind.len() < KINDS || counts.by_kind.contains_key(&kind) {
            *counts.by_kind.entry(kind).or_default() += 1;
        } else {
            counts.others += 1;
        }
    }

    /// Takes them as events.
    pub(super) fn take(&self) -> Vec<(Author, Event)> {
        let Counts { by_kind, others } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let event = |what: &str, outcome, count: u64| Event {
            action: "refused".into(),
            object: what.to_owned(),
            outcome,
            detail: format!("{count} requests"),
        };
        let mut events: Vec<_> = by_kind
            .into_iter()
            .map(|((who, address, what, code), count)| {
                (Author { who, address: address.to_string() }, event(what, code.name(), count))
            })
            .collect();
        if others > 0 {
            let author = Author { who: "others".into(), address: String::new() };
            events.push((author, event("", Code::Unauthenticated.name(), others)));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_few_entries() {
        let refusals = Refusals::default();
        for number in 0..5_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            refusals.add(Who::Nobody, address, "samples.read", Code::Unauthenticated);
            refusals.add(Who::Key("1".into()), IpAddr::from([1; 4]), "samples.write", Code::Forbidden);
        }
        let events = refusals.take();
        assert_eq!(events.len(), KINDS + 1);
        let count = |who: &str| events.iter().find(|(author, _)| author.who == who).unwrap().1.detail.clone();
        assert_eq!((count("key:1"), count("others")), ("5000 requests".into(), "4001 requests".into()));
        assert!(refusals.take().is_empty());
    }
}
