//! What a rule would have found, beside its form.

use std::cell::RefCell;
use std::rc::Rc;

use afterglow_wire::Timestamp;
use afterglow_wire::backtest::BacktestRequest;
use afterglow_wire::rule::Rule;
use dioxus::core::Runtime;
use dioxus::prelude::*;
use serde_json::Value;

use super::super::page::Page;
use crate::alerts::backtest::{Found, Would};
use crate::alerts::words;
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::edge::timer::Timer;
use crate::time::{DAY, SECOND, text};

/// A rule that still changes is not tested, in milliseconds since it last did.
const REST: u32 = 400;
/// Episodes that are listed.
const LISTED: usize = 5;

/// One sentence, and the latest episodes; found again when the rule changes.
#[component]
pub(super) fn Backtest(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
) -> Element {
    let page: Page = use_context();
    let mut days = use_signal(|| 7_i64);
    let mut found = use_signal(|| None::<Result<Found, String>>);
    // The test that waits, and the number of the last: the answer to an earlier one does not count.
    let waiting = use_hook(|| Rc::new(RefCell::new((None::<Timer>, 0_u32))));
    let clock = page.clone();
    use_effect(move || {
        let (rule, days) = (rule.read().clone(), days());
        waiting.borrow_mut().1 += 1;
        let number = waiting.borrow().1;
        if rule.signals.is_empty() {
            return found.set(None);
        }
        let (page, runtime, last) = (clock.clone(), Runtime::current(), Rc::downgrade(&waiting));
        let test = move || {
            let to = page.state.clock.now();
            let [from, to] = [to - days * DAY, to].map(Timestamp::from_micros);
            let body = BacktestRequest { rule, from, to, signals: Vec::new() };
            runtime.in_scope(ScopeId::ROOT, || {
                spawn(async move {
                    let answer = rest::send::<Value>("POST", "/api/rules/test", &body).await;
                    let is_last = last.upgrade().is_some_and(|waiting| waiting.borrow().1 == number);
                    // The form may be gone before the answer comes.
                    if is_last && let Ok(mut found) = found.try_write() {
                        *found = Some(
                            answer.map(|found| Found::read(&found)).map_err(|refusal| words_of(&refusal)),
                        );
                    }
                });
            });
        };
        waiting.borrow_mut().0 = Timer::after(REST, test);
    });
    let zone = page.state.zone.follow();
    rsx! {
        div { class: "backtest", "data-testid": "backtest",
            div { class: "check-row",
                label { r#for: "backtest-days", "Tested on the last" }
                select { id: "backtest-days", onchange: move |event| days.set(event.value().parse().unwrap_or(7)),
                    for (value, name) in [(1, "day"), (7, "7 days"), (30, "30 days")] {
                        option { value: "{value}", selected: value == days(), "{name}" }
                    }
                }
            }
            p { role: "status", "data-testid": "backtest-found",
                match &*found.read() {
                    None => "Name a signal to see when it would have fired.".to_owned(),
                    Some(Ok(found)) => words::backtest(found),
                    Some(Err(message)) => format!("Not tested: {message}"),
                }
            }
            if let Some(Ok(found)) = &*found.read() {
                if words::is_noisy(found) {
                    p { class: "note", "That is often. A time for which it must last, or another limit, makes it rarer." }
                }
                ul {
                    for would in found.episodes.iter().take(LISTED) {
                        li { key: "{would.fired} {would.scope}",
                            bdi { "{would.scope}" }
                            ": {text::instant(would.fired, SECOND, &*zone)}{lasted(would)}"
                        }
                    }
                }
            }
        }
    }
}

/// For how long it would have been.
fn lasted(would: &Would) -> String {
    match would.resolved {
        Some(to) => format!(", for {}", text::length(((to - would.fired) / SECOND).max(1) * SECOND)),
        None => ", and it would still fire".to_owned(),
    }
}

/// The reason, without the path that it has within the question.
fn words_of(refusal: &Refusal) -> String {
    refusal.message.trim_start_matches("rule.").to_owned()
}
