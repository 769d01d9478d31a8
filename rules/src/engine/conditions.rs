//! What a sample is judged by beside its value: windows, and other signals.

use afterglow_wire::limits::RULE_WINDOWS;

use crate::compile::Program;
use crate::join::{Link, Partner};
use crate::signal::{More, Names, Sample, Signal};
use crate::transition::Counts;
use crate::window::{Shape, Window};

/// The value of the window of a rule, of which `sample` is the newest.
pub(super) fn window_value(
    rule: u32,
    shape: &Shape,
    sample: Sample,
    more: &mut More,
    windows: &mut usize,
    counts: &mut Counts,
) -> Option<f64> {
    let window = match more.windows.get_mut(rule) {
        Some(window) => window,
        None if *windows >= RULE_WINDOWS => {
            counts.refused_windows += 1;
            return None;
        }
        None => {
            *windows += 1;
            more.windows.insert(rule, Window::new(shape))
        }
    };
    window.push(sample.at, sample.value);
    let is_known = more.known_since.is_some_and(|since| since <= sample.at - shape.window);
    if is_known { window.value(shape) } else { None }
}

/// What a rule looks at beside one of its signals.
pub(super) struct Others<'e> {
    pub(super) rule: u32,
    pub(super) program: &'e Program,
    pub(super) more: &'e More,
    pub(super) signals: &'e [Signal],
    pub(super) names: &'e Names,
}

impl Others<'_> {
    /// The signals that belong to the rule's signal, in the order of [`Program::links`].
    fn partners(&self) -> &[Partner] {
        self.more.partners.get(self.rule).map_or(&[], Vec::as_slice)
    }

    /// The last value at `at` of what a link leads to; `None` when that is not known or too old.
    fn last(&self, link: &Link, partner: &Partner, at: i64) -> Option<f64> {
        let Partner::Named(name) = partner else { return None };
        let number = self.names.numbers.get(name)?;
        let (time, value) = self.signals.get(*number as usize)?.more.as_ref()?.last_at(at)?;
        (at - time <= link.within).then_some(value)
    }

    /// The rule's value, of `own`, which is computed of its signal, and the other signal's; `None` when that is not known.
    pub(super) fn value(&self, sample: Sample, own: f64) -> Option<f64> {
        let Some(operand) = &self.program.operand else { return Some(own) };
        let other = match self.partners().last()? {
            Partner::Own => sample.value,
            partner => self.last(&operand.link, partner, sample.at)?,
        };
        operand.operation.of(own, other)
    }

    /// Whether all conditions on other signals hold; `None` when that is not known.
    pub(super) fn hold(&self, sample: Sample) -> Option<bool> {
        let mut all = Some(true);
        for (join, partner) in self.program.joins.iter().zip(self.partners()) {
            let value = match partner {
                Partner::Own => Some(sample.value),
                partner => self.last(&join.link, partner, sample.at),
            };
            match value {
                None => all = None,
                Some(value) if !join.holds(value) => return Some(false),
                Some(_) => {}
            }
        }
        all
    }
}
