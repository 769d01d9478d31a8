//! Query parameters that several routes take.

use afterglow_wire::limits::MAX_POINTS;
use afterglow_wire::name;

use super::problem::Problem;

pub(super) fn patterns(signals: &str) -> Result<Vec<String>, Problem> {
    name::split(signals)
        .into_iter()
        .filter(|pattern| !pattern.is_empty())
        .map(|pattern| match name::check(&pattern) {
            Ok(()) => Ok(pattern),
            Err(message) => Err(Problem::parameter("signals", &pattern, message)),
        })
        .collect()
}

pub(super) fn max_points(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|points| (1..=MAX_POINTS).contains(points))
        .ok_or_else(|| Problem::parameter("max_points", text, format!("1 to {MAX_POINTS} is expected")))
}

pub(super) fn flag(name: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(other) => Err(Problem::parameter(name, other, "1 or 0 is expected")),
    }
}
