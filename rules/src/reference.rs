//! The specification as a program, as slow as it may be: every value from all samples, every time by its definition.
//!
//! Only for tests, which compare the engine with it. It knows rules about one signal at a time, and the one that it is compared with, whose samples come in order.

use afterglow_wire::rule::{Is, Limit, Of, Operation, Rule};

use crate::SECOND;

/// An episode: when it fired, when it was resolved, and the worst level.
pub(crate) type Episode = (i64, Option<i64>, usize);

/// The episodes that a rule finds in the samples of one signal, up to `end`. `other` are those of the signal that it is compared with.
pub(crate) fn episodes(rule: &Rule, samples: &[(i64, f64)], other: &[(i64, f64)], end: i64) -> Vec<Episode> {
    if rule.value.of == Of::Silence {
        return silences(rule, samples, end);
    }
    let seconds = |seconds: u32| i64::from(seconds) * SECOND;
    let (for_time, keep, forget) = (seconds(rule.for_seconds), seconds(rule.keep), seconds(rule.forget));
    let mut found: Vec<Episode> = Vec::new();
    // Where it is: when it went wrong, and at which level; whether it fires; since when it is right again.
    let (mut wrong, mut fires, mut right) = (None::<(i64, usize)>, false, None::<i64>);
    for next in 0..=samples.len() {
        let (at, is_sample) = samples.get(next).map_or((end + 1, false), |sample| (sample.0, true));
        // What time decides before the next sample.
        if let Some((since, level)) = wrong
            && !fires
            && since + for_time + grace(&samples[..next], for_time) < at
        {
            found.push((since + for_time, None, level));
            fires = true;
        }
        if let Some(since) = right
            && since + keep + grace(&samples[..next], keep) < at
        {
            close(&mut found, since + keep);
            (wrong, fires, right) = (None, false, None);
        }
        if fires
            && right.is_none()
            && let Some((last, _)) = samples[..next].last()
            && last + forget < at
        {
            close(&mut found, last + forget);
            (wrong, fires) = (None, false);
        }
        if !is_sample {
            break;
        }
        let value = value(rule, &samples[..=next])
            .and_then(|own| compared(rule, at, own, other))
            .and_then(|own| if rule.is_usual() { deviations(samples, at, own) } else { Some(own) });
        let held = wrong.filter(|_| fires && right.is_none()).map(|(_, level)| level);
        let Some(value) = value else { continue };
        match (level(rule, value, held), wrong) {
            (Some(level), None) => {
                wrong = Some((at, level));
                if for_time == 0 {
                    found.push((at, None, level));
                    fires = true;
                }
            }
            (Some(level), Some((since, before))) => {
                if !fires && at >= since + for_time {
                    found.push((since + for_time, None, if at == since + for_time { level } else { before }));
                    fires = true;
                }
                if fires && let Some(last) = found.last_mut() {
                    last.2 = last.2.max(level);
                }
                (wrong, right) = (Some((since, level)), None);
            }
            (None, Some(_)) if !fires => wrong = None,
            (None, Some(_)) => match right {
                None if keep == 0 => {
                    close(&mut found, at);
                    (wrong, fires) = (None, false);
                }
                None => right = Some(at),
                Some(since) if at >= since + keep => {
                    close(&mut found, since + keep);
                    (wrong, fires, right) = (None, false, None);
                }
                Some(_) => {}
            },
            (None, None) => {}
        }
    }
    found
}

fn close(found: &mut [Episode], at: i64) {
    if let Some(last) = found.last_mut() {
        last.1 = Some(at);
    }
}

/// How long after the end of `time` a sample that breaks it counts.
fn grace(samples: &[(i64, f64)], time: i64) -> i64 {
    let from = samples.len().saturating_sub(33);
    let mut intervals: Vec<i64> =
        samples[from..].windows(2).map(|pair| (pair[1].0 - pair[0].0) / 1_000 * 1_000).collect();
    intervals.sort_unstable();
    let usual = (intervals.len() * 9).div_ceil(10).checked_sub(1).map(|place| intervals[place] * 3 / 2);
    usual.filter(|usual| *usual < time).unwrap_or(SECOND).min(60 * SECOND)
}

/// What the rule computes at the last of `samples`.
fn value(rule: &Rule, samples: &[(i64, f64)]) -> Option<f64> {
    let (at, last) = *samples.last()?;
    let Some(window) = rule.value.window else {
        return match rule.value.of {
            Of::Change => samples.len().checked_sub(2).map(|before| (last - samples[before].1).abs()),
            _ => Some(last),
        };
    };
    let window = i64::from(window) * SECOND;
    if samples[0].0 > at - window {
        return None;
    }
    let slot = (window + 59) / 60;
    let number = |at: i64| at.div_euclid(slot);
    let running = number(at);
    let inside = samples.iter().filter(|sample| number(sample.0) >= running - 60);
    let inside: Vec<(i64, f64)> = if matches!(rule.value.of, Of::Percentile(_)) {
        let before = samples.len().checked_sub(2).map(|before| number(samples[before].0));
        if before == Some(running) {
            return None;
        }
        inside.filter(|sample| number(sample.0) < running).copied().collect()
    } else {
        inside.copied().collect()
    };
    let values = || inside.iter().map(|(_, value)| *value);
    let count = inside.len() as f64;
    let several = |value: f64| (inside.len() >= 2).then_some(value);
    let lowest = values().fold(f64::INFINITY, f64::min);
    let highest = values().fold(f64::NEG_INFINITY, f64::max);
    match rule.value.of {
        Of::Mean => Some(values().sum::<f64>() / count),
        Of::Sum => Some(values().sum()),
        Of::Count => Some(count),
        Of::Min => Some(lowest),
        Of::Max => Some(highest),
        Of::Range => several(highest - lowest),
        Of::First => inside.first().map(|(_, value)| *value),
        Of::Stddev => {
            let mean = values().sum::<f64>() / count;
            several((values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
        }
        Of::Rate => {
            let grown: f64 = if rule.value.counter {
                inside
                    .windows(2)
                    .map(|pair| if pair[1].1 >= pair[0].1 { pair[1].1 - pair[0].1 } else { pair[1].1 })
                    .sum()
            } else {
                last - inside[0].1
            };
            let time = (at - inside[0].0) as f64 / SECOND as f64;
            several(grown / time * rule.value.per.unwrap_or_default().seconds())
        }
        Of::Percentile(percent) => {
            let mut sorted: Vec<f64> = values().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let place = (sorted.len() * usize::from(percent)).div_ceil(100);
            sorted.get(place.checked_sub(1)?).copied()
        }
        Of::Last | Of::Change | Of::Silence => None,
    }
}

/// What the rule computes of its own value and the other signal's last.
fn compared(rule: &Rule, at: i64, own: f64, other: &[(i64, f64)]) -> Option<f64> {
    let Some(against) = &rule.against else { return Some(own) };
    let (time, other) = *other.iter().rfind(|(time, _)| *time <= at)?;
    if at - time > i64::from(against.within) * SECOND {
        return None;
    }
    match against.operation {
        Operation::Difference => Some(own - other),
        Operation::Ratio if other == 0.0 => None,
        Operation::Ratio => Some(own / other),
    }
}

/// How many deviations a value is from what was usual in the same hour of the four weeks before.
fn deviations(samples: &[(i64, f64)], at: i64, value: f64) -> Option<f64> {
    let hour = at.div_euclid(3_600 * SECOND);
    let mut weeks = 0;
    let mut means = Vec::new();
    for week in [672, 504, 336, 168] {
        let mut minutes = std::collections::BTreeMap::<i64, Vec<f64>>::new();
        for (at, value) in samples.iter().filter(|(at, _)| at.div_euclid(3_600 * SECOND) == hour - week) {
            minutes.entry(at.div_euclid(60 * SECOND)).or_default().push(*value);
        }
        weeks += usize::from(!minutes.is_empty());
        means.extend(minutes.values().map(|values| values.iter().sum::<f64>() / values.len() as f64));
    }
    if weeks < 2 || means.len() < 3 {
        return None;
    }
    let median = |values: &[f64]| {
        let below = |limit: f64| values.iter().filter(|value| **value < limit).count();
        let ranked = |rank: usize| {
            let holds = |one: &&f64| {
                below(**one) <= rank
                    && rank < below(**one) + values.iter().filter(|other| other == one).count()
            };
            *values.iter().find(holds).unwrap()
        };
        f64::midpoint(ranked((values.len() - 1) / 2), ranked(values.len() / 2))
    };
    let middle = median(&means);
    let distances: Vec<f64> = means.iter().map(|mean| (mean - middle).abs()).collect();
    let deviation = match median(&distances) {
        0.0 => 1.2533 * (distances.iter().sum::<f64>() / distances.len() as f64),
        median => 1.4826 * median,
    };
    let deviation = deviation.max(middle.abs() / 500.0);
    Some(if value == middle { 0.0 } else { (value - middle) / deviation })
}

/// The worst level that `value` has; a level that is `held`, or a milder one, stays until it recovers.
fn level(rule: &Rule, value: f64, held: Option<usize>) -> Option<usize> {
    (0..rule.levels.len()).rev().find(|index| {
        let mut level = rule.levels[*index];
        if rule.is_usual() {
            let k = level.k.unwrap_or(5.0);
            let near = level.recover.unwrap_or(k);
            let (limit, upper, recover) = match rule.is {
                Is::Above => (k, None, near),
                Is::Below => (-k, None, -near),
                _ => (-k, Some(k), k - near),
            };
            (level.limit, level.upper, level.recover) = (Limit::Number(limit), upper, Some(recover));
        }
        let limit = level.limit.number().unwrap_or(f64::NAN);
        let upper = level.upper.unwrap_or(f64::INFINITY);
        let margin = level.recover.unwrap_or(0.0);
        let (holds, is_right) = match rule.is {
            Is::Above => (value > limit, value <= level.recover.unwrap_or(limit)),
            Is::Below => (value < limit, value >= level.recover.unwrap_or(limit)),
            Is::Inside => {
                (limit < value && value < upper, value <= limit - margin || value >= upper + margin)
            }
            Is::Outside => {
                (value < limit || value > upper, limit + margin <= value && value <= upper - margin)
            }
        };
        holds || (held.is_some_and(|held| *index <= held) && !is_right)
    })
}

fn silences(rule: &Rule, samples: &[(i64, f64)], end: i64) -> Vec<Episode> {
    let keep = i64::from(rule.keep) * SECOND;
    let mut found: Vec<Episode> = Vec::new();
    let mut right = None::<i64>;
    for (index, (at, _)) in samples.iter().enumerate() {
        let next = samples.get(index + 1).map_or(end + 1, |sample| sample.0);
        let limits: Vec<i64> = rule
            .levels
            .iter()
            .filter_map(|level| match level.limit {
                Limit::Number(limit) => Some((limit * SECOND as f64) as i64),
                Limit::Found(_) => {
                    let from = (index + 1).saturating_sub(33);
                    let mut intervals: Vec<i64> = samples[from..=index]
                        .windows(2)
                        .map(|pair| (pair[1].0 - pair[0].0) / 1_000 * 1_000)
                        .collect();
                    intervals.sort_unstable();
                    let usual = intervals.get((intervals.len() * 9).div_ceil(10).checked_sub(1)?)? * 5;
                    (intervals.len() >= 16).then_some(usual.max(10 * SECOND))
                }
            })
            .collect();
        let broken = limits.iter().take_while(|limit| at + **limit < next).count();
        if let Some(since) = right {
            let begins = limits.first().filter(|_| broken > 0).map_or(next, |limit| at + limit);
            if since + keep < begins {
                close(&mut found, since + keep);
                right = None;
            }
        }
        if broken == 0 {
            continue;
        }
        if right.take().is_none() {
            found.push((at + limits[0], None, broken - 1));
        } else if let Some(last) = found.last_mut() {
            last.2 = last.2.max(broken - 1);
        }
        if index + 1 < samples.len() {
            if keep == 0 {
                close(&mut found, next);
            } else {
                right = Some(next);
            }
        }
    }
    found
}
