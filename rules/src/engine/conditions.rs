//! What a sample is judged by beside its value: windows, and other signals.

use afterglow_wire::limits::RULE_WINDOWS;

use crate::compile::Program;
use crate::join::Partner;
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
    let place = more.windows.iter().position(|(of, _)| *of == rule);
    let place = match place {
        Some(place) => place,
        None if *windows >= RULE_WINDOWS => {
            counts.refused_windows += 1;
            return None;
        }
        None => {
            *windows += 1;
            more.windows.push((rule, Window::new(shape)));
            more.windows.len() - 1
        }
    };
    let window = &mut more.windows[place].1;
    window.push(sample.at, sample.value);
    let is_known = more.known_since.is_some_and(|since| since <= sample.at - shape.window);
    if is_known { window.value(shape) } else { None }
}

/// Whether all conditions on other signals hold; `None` when that is not known.
pub(super) fn joined(
    rule: u32,
    program: &Program,
    sample: Sample,
    more: &More,
    signals: &[Signal],
    names: &Names,
) -> Option<bool> {
    let (_, partners) = more.partners.iter().find(|(of, _)| *of == rule)?;
    let mut all = Some(true);
    for (join, partner) in program.joins.iter().zip(partners) {
        let number = match partner {
            Partner::Own => {
                if !join.holds(sample.value) {
                    return Some(false);
                }
                continue;
            }
            Partner::Named(name) => names.numbers.get(name),
            Partner::Nobody => None,
        };
        let other =
            number.and_then(|number| signals.get(*number as usize)?.more.as_ref()?.last_at(sample.at));
        match other.filter(|(at, _)| sample.at - at <= join.within) {
            None => all = None,
            Some((_, value)) if !join.holds(value) => return Some(false),
            Some(_) => {}
        }
    }
    all
}
