//! Which signals share a chart.
//!
//! A panel is what a board says it is; the view of everything is a board that is made here. Signals of one kind are
//! readable together; ±10 beside bytes per second is not. What belongs together is guessed from the names: the part
//! before the first dot, and the unit that the name ends with.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_wire::board::{self, Board, EVERYTHING};
use afterglow_wire::limits::COLUMNS;
use afterglow_wire::name;

use crate::boards::metadata::SignalMetadata;
use crate::values::unit::Unit;

/// The panel of signals whose names have no dot.
const UNPREFIXED: &str = "signals";
/// Its heading.
const OTHERS: &str = "Other signals";

/// How many lines a panel shows before the reader chooses: more are a tangle.
pub const SHOWN_AT_FIRST: usize = 12;

/// A board's panel together with the signals that it has at the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What the board says of it.
    pub definition: board::Panel,
    /// What its axis is measured in; nothing when its signals have several units.
    pub unit: Unit,
    /// Its signals' names.
    pub signals: Vec<String>,
    /// How each of them is shown here.
    pub entries: Vec<Entry>,
}

/// How a signal is shown on a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is called: as people say, or its name without what the panel's heading says already.
    pub name: String,
    /// What its values are measured in.
    pub unit: Unit,
    /// Its colour, `#rrggbb`, where somebody chose one.
    pub colour: Option<String>,
    /// The number of its line's look, see [`palette::look`](crate::chart::palette::look): its place on the panel, until
    /// [`Looks`](crate::boards::looks::Looks) gives it another.
    pub look: usize,
}

impl Panel {
    /// The panel that `definition` describes, with those of `names` that it asks for: in its order, and where a
    /// pattern has several in theirs.
    pub fn new<'a>(
        definition: board::Panel,
        names: impl IntoIterator<Item = &'a str> + Clone,
        metadata: &SignalMetadata,
    ) -> Self {
        let mut signals: Vec<String> = Vec::new();
        for pattern in &definition.signals {
            for name in names.clone() {
                if name::matches(pattern, name) && !signals.iter().any(|known| known == name) {
                    signals.push(name.to_owned());
                }
            }
        }
        let chosen = definition.unit.as_deref().map(Unit::named);
        let group = common_group(&signals);
        let entries: Vec<Entry> = signals
            .iter()
            .enumerate()
            .map(|(look, name)| {
                let said = metadata.of(name);
                let unit = chosen.clone().unwrap_or_else(|| metadata.unit(name));
                let short = || short(name, &definition.title, group, &unit).to_owned();
                Entry {
                    name: said.display_name.clone().unwrap_or_else(short),
                    colour: said.colour.clone(),
                    unit,
                    look,
                }
            })
            .collect();
        let first = entries.first().map(|entry| entry.unit.clone());
        let common = first.filter(|first| entries.iter().all(|entry| entry.unit == *first));
        let unit = chosen.or(common).unwrap_or_else(Unit::none);
        Self { definition, unit, signals, entries }
    }

    /// Unique among panels, and the same while signals come and go.
    pub fn key(&self) -> &str {
        &self.definition.id
    }

    /// Its heading: the board's, or else what its signals have in common.
    pub fn title(&self) -> &str {
        if !self.definition.title.is_empty() {
            return &self.definition.title;
        }
        let common = match self.definition.signals.as_slice() {
            [pattern] if pattern.contains('*') => pattern.trim_end_matches('*').trim_end_matches('.'),
            _ if self.signals.len() > 1 => common_group(&self.signals).trim_end_matches('.'),
            _ => "",
        };
        let plain = Some(common).filter(|common| !common.is_empty() && !common.contains(['*', '\\']));
        plain.or(self.entries.first().map(|entry| entry.name.as_str())).unwrap_or("no signals")
    }

    /// What tells it from the others: its heading with the unit.
    pub fn label(&self) -> String {
        format!("{} {}", self.title(), self.unit.symbol()).trim_end().to_owned()
    }
}

/// The names and patterns of a board's panels, of those that `has` names, each once; something that no signal is called
/// where there are none.
pub fn patterns(board: &Board, has: impl Fn(&str) -> bool) -> Vec<String> {
    let shown = board.panels.iter().filter(|panel| has(&panel.id));
    let patterns: BTreeSet<String> = shown.flat_map(|panel| panel.signals.iter().cloned()).collect();
    if patterns.is_empty() { nothing() } else { patterns.into_iter().collect() }
}

/// What no signal is called, for a view without samples.
pub fn nothing() -> Vec<String> {
    vec!["(no signal)".to_owned()]
}

/// A signal's name without what the panel's title, its other signals and the unit say already; never empty.
fn short<'a>(name: &'a str, title: &str, group: &str, unit: &Unit) -> &'a str {
    let titled = name.strip_prefix(title).and_then(|rest| rest.strip_prefix('.'));
    let rest = titled.or_else(|| name.strip_prefix(group)).filter(|rest| !rest.is_empty()).unwrap_or(name);
    unit.strip(rest)
}

/// What all of several names begin with, up to a dot.
fn common_group(names: &[String]) -> &str {
    let Some((first, others)) = names.split_first().filter(|(_, others)| !others.is_empty()) else {
        return "";
    };
    let ends = first.rmatch_indices('.').map(|(at, dot)| at + dot.len());
    let mut groups = ends.filter_map(|end| first.get(..end));
    groups.find(|group| others.iter().all(|name| name.starts_with(group))).unwrap_or_default()
}

/// The board of all signals: a panel for each prefix and unit. Unprefixed signals come first, then prefixes in their
/// order; the first panel, and a last one that would stand alone, are as wide as the page.
pub fn everything<'a>(names: impl IntoIterator<Item = &'a str>, metadata: &SignalMetadata) -> Board {
    let mut groups: BTreeMap<(Option<&str>, Unit), Vec<String>> = BTreeMap::new();
    for name in names {
        let prefix = name.split_once('.').map(|(prefix, _)| prefix).filter(|prefix| !prefix.is_empty());
        groups.entry((prefix, metadata.unit(name))).or_default().push(name.to_owned());
    }
    let count = groups.len();
    let panels = groups.into_iter().enumerate().map(|(index, ((prefix, unit), mut signals))| {
        signals.sort_unstable();
        let wide = index == 0 || (index + 1 == count && index % 2 == 1);
        board::Panel {
            id: id(prefix, &unit),
            title: prefix.unwrap_or(OTHERS).to_owned(),
            unit: Some(unit.symbol().to_owned()).filter(|symbol| !symbol.is_empty()),
            width: if wide { COLUMNS } else { COLUMNS / 2 },
            ..board::Panel::of(signals)
        }
    });
    Board { id: EVERYTHING.into(), title: "Everything".into(), panels: panels.collect(), ..Board::default() }
}

/// A panel's id: the same for the same prefix and unit, whichever other signals there are.
fn id(prefix: Option<&str>, unit: &Unit) -> String {
    let unit = match unit.symbol() {
        "" => String::new(),
        "%" => "-percent".into(),
        "B/s" => "-rate".into(),
        symbol => format!("-{}", board::slug(symbol)),
    };
    match prefix {
        None => format!("{UNPREFIXED}{unit}"),
        Some(prefix) => {
            // A slug may be that of several prefixes; a sum over the bytes tells them apart.
            let slug = board::slug(prefix);
            let sum = prefix.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            let exact = slug == prefix && prefix != UNPREFIXED;
            if exact { format!("{slug}{unit}") } else { format!("{slug}-{sum:x}{unit}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::metadata::Metadata;

    use super::*;

    #[test]
    fn prefixes_and_units_make_panels() {
        let names = [
            "host.cpu_percent",
            "sine",
            "host.rx_bytes_per_second",
            "host.mem_percent",
            "cosine",
            "host.load",
        ];
        let board = everything(names, &SignalMetadata::default());
        let keys: Vec<&str> = board.panels.iter().map(|panel| panel.id.as_str()).collect();
        assert_eq!(keys, ["signals", "host", "host-percent", "host-rate"]);
        assert_eq!(board.panels[0].signals, ["cosine", "sine"]);
        let widths: Vec<u8> = board.panels.iter().map(|panel| panel.width).collect();
        assert_eq!(widths, [12, 6, 6, 12]);
        let panel = Panel::new(board.panels[2].clone(), names, &SignalMetadata::default());
        assert_eq!((panel.entries[0].name.as_str(), panel.unit.symbol()), ("cpu", "%"));
    }

    #[test]
    fn a_board_asks_for_the_signals_of_its_panels() {
        let panel = |id: &str, signals: &[&str]| {
            let signals = signals.iter().map(|name| (*name).to_owned()).collect();
            board::Panel { id: id.into(), ..board::Panel::of(signals) }
        };
        let board = Board {
            panels: vec![panel("1", &["press.*", "oven"]), panel("2", &["oven", "a"])],
            ..Board::default()
        };
        assert_eq!(patterns(&board, |_| true), ["a", "oven", "press.*"]);
        assert_eq!(patterns(&board, |id| id == "2"), ["a", "oven"]);
        assert_eq!(patterns(&Board::default(), |_| true).len(), 1);
    }

    #[test]
    fn ids_are_unique() {
        let board = everything(
            ["Host.a", "host.a", "signals.a", "a", "HOST.a", "hö.a", "hä.a"],
            &SignalMetadata::default(),
        );
        let ids: std::collections::BTreeSet<&str> = board.panels.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids.len(), board.panels.len(), "{ids:?}");
    }

    #[test]
    fn patterns_are_resolved_in_the_order_of_the_panel() {
        let definition =
            board::Panel::of(vec!["z".into(), "host.*_percent".into(), "z".into(), "gone".into()]);
        let names = ["a", "host.a_percent", "host.b_percent", "z"];
        let panel = Panel::new(definition, names, &SignalMetadata::default());
        assert_eq!(panel.signals, ["z", "host.a_percent", "host.b_percent"]);
        assert_eq!(panel.title(), "z");
    }

    #[test]
    fn names_are_short_and_never_empty() {
        let all = ["press.vib_x", "press.vib_y", "trailing.", "trailing.a", "gap.bool", "gap.deep.x"];
        let panel = |title: &str, signals: &[&str]| {
            let signals = signals.iter().map(|name| (*name).to_owned()).collect();
            let definition = board::Panel { title: title.into(), ..board::Panel::of(signals) };
            let panel = Panel::new(definition, all, &SignalMetadata::default());
            let names: Vec<String> = panel.entries.iter().map(|entry| entry.name.clone()).collect();
            (panel.title().to_owned(), names.join(" "))
        };
        let both = |title: &str, names: &str| (title.to_owned(), names.to_owned());
        assert_eq!(panel("Vibration", &["press.vib*"]), both("Vibration", "vib_x vib_y"));
        assert_eq!(panel("trailing", &["trailing.*"]), both("trailing", "trailing. a"));
        assert_eq!(panel("", &["gap.*"]), both("gap", "bool deep.x"));
        assert_eq!(panel("", &["press.vib_x", "press.vib_y"]), both("press", "vib_x vib_y"));
        assert_eq!(panel("", &["press.vib_x"]), both("press.vib_x", "press.vib_x"));
        assert_eq!(panel("", &["*vib*"]), both("vib_x", "vib_x vib_y"));
    }

    #[test]
    fn what_is_said_about_signals_is_shown() {
        let said = Metadata {
            display_name: Some("Oven".into()),
            unit: Some("°C".into()),
            colour: Some("#123456".into()),
            ..Metadata::default()
        };
        let metadata = SignalMetadata::new(BTreeMap::from([("t1".into(), said)]));
        let board = everything(["t1", "t2"], &metadata);
        assert_eq!(board.panels.iter().map(|panel| panel.signals.len()).collect::<Vec<_>>(), [1, 1]);
        let both = Panel::new(board::Panel::of(vec!["t*".into()]), ["t1", "t2"], &metadata);
        let Entry { name, unit, colour, .. } = &both.entries[0];
        assert_eq!((name.as_str(), unit.symbol(), colour.as_deref()), ("Oven", "°C", Some("#123456")));
        assert_eq!((both.title(), both.unit.symbol(), both.entries[1].unit.symbol()), ("t", "", ""));
        let alone = Panel::new(board::Panel::of(vec!["t1".into()]), ["t1", "t2"], &metadata);
        assert_eq!(alone.unit.symbol(), "°C");
    }
}
