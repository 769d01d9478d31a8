//! What values are measured in, and which prefixes may stand before it.

/// Units that take the prefixes of the SI, small ones too.
const SI: [&str; 24] = [
    "V", "A", "W", "Wh", "Hz", "Ω", "F", "H", "Pa", "N", "J", "m", "g", "l", "T", "Wb", "S", "lm", "lx",
    "Bq", "B/s", "bit/s", "bps", "VA",
];

/// Which prefixes make large and small values readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefixes {
    /// None: `°C`, `%`, `km`.
    None,
    /// Only for large values without a unit: `1.235 M`.
    Large,
    /// k, M, G ... and m, µ, n: `5 mV`, `1.2 MB/s`.
    Si,
    /// m, µ, n only: nobody says kiloseconds.
    Small,
    /// Ki, Mi, Gi ..., by 1,024: `1.5 GiB`.
    Iec,
}

/// A unit of measurement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    symbol: String,
    prefixes: Prefixes,
}

/// How names end, and what that says of their unit; the longest first.
const ENDINGS: [(&str, &str); 4] =
    [("_bytes_per_second", "B/s"), ("_percent", "%"), ("_bytes", "B"), ("_seconds", "s")];

impl Unit {
    /// No unit.
    pub fn none() -> Self {
        Self::named("")
    }

    /// The unit that is written `symbol`.
    pub fn named(symbol: &str) -> Self {
        let symbol = match symbol.trim() {
            "percent" => "%",
            "byte" | "bytes" => "B",
            "bytes/s" | "bytes per second" => "B/s",
            "second" | "seconds" => "s",
            other => other,
        };
        let prefixes = match symbol {
            "" => Prefixes::Large,
            "B" => Prefixes::Iec,
            "s" => Prefixes::Small,
            _ if SI.contains(&symbol) => Prefixes::Si,
            _ => Prefixes::None,
        };
        Self { symbol: symbol.to_owned(), prefixes }
    }

    /// The unit that a signal's name tells by its ending.
    pub fn of(name: &str) -> Self {
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        Self::named(ending.map_or("", |(_, symbol)| symbol))
    }

    /// A signal's name without the ending that says this unit.
    pub fn strip<'a>(&self, name: &'a str) -> &'a str {
        let ending = ENDINGS.iter().find(|(_, symbol)| *symbol == self.symbol);
        let rest = ending.and_then(|(ending, _)| name.strip_suffix(ending));
        rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
    }

    /// How it is written; empty for none.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// The same without its symbol, where a heading has that: values keep their prefixes.
    pub fn bare(&self) -> Self {
        // Without a symbol there would be no prefixes for small values.
        Self { symbol: String::new(), prefixes: self.prefixes }
    }

    /// Its prefixes.
    pub fn prefixes(&self) -> Prefixes {
        self.prefixes
    }

    /// What stands between a number and a prefix: nothing when there is neither prefix nor unit.
    pub fn suffix(&self, prefix: &str) -> String {
        let space = if prefix.is_empty() && self.symbol.is_empty() { "" } else { " " };
        format!("{space}{prefix}{}", self.symbol)
    }
}

/// The factor and the name of the prefix under which `size` is best read.
pub fn prefix(size: f64, prefixes: Prefixes) -> (f64, &'static str) {
    const LARGE: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    const SMALL: [(f64, &str); 4] = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
    const IEC: [(f64, &str); 5] = [
        (1_125_899_906_842_624.0, "Pi"),
        (1_099_511_627_776.0, "Ti"),
        (1_073_741_824.0, "Gi"),
        (1_048_576.0, "Mi"),
        (1_024.0, "Ki"),
    ];
    let fitting = |list: &[(f64, &'static str)]| list.iter().copied().find(|(factor, _)| size >= *factor);
    let found = match prefixes {
        Prefixes::None => None,
        Prefixes::Large => fitting(&LARGE).filter(|_| size >= 1e5),
        Prefixes::Iec => fitting(&IEC),
        Prefixes::Si => fitting(&LARGE).or_else(|| fitting(&SMALL)),
        Prefixes::Small => fitting(&SMALL),
    };
    found.unwrap_or((1.0, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_from_names() {
        let check = |name, symbol| assert_eq!(Unit::of(name), Unit::named(symbol), "{name}");
        check("host.cpu_percent", "%");
        check("host.mem_used_bytes", "B");
        check("host.net_bytes_per_second", "B/s");
        check("percent", "");
        assert_eq!(Unit::named("%").strip("cpu_percent"), "cpu");
        assert_eq!(Unit::named("%").strip("_percent"), "_percent");
    }

    #[test]
    fn prefixes_that_people_use() {
        let check = |size, symbol, expected| {
            assert_eq!(prefix(size, Unit::named(symbol).prefixes()).1, expected, "{size} {symbol}");
        };
        check(2_000.0, "V", "k");
        check(0.002, "V", "m");
        check(1e-20, "V", "");
        check(7_200.0, "s", "");
        check(0.000_5, "s", "µ");
        check(2_048.0, "bytes", "Ki");
        check(2_048.0, "°C", "");
        check(2_048.0, "", "");
        check(200_048.0, "", "k");
    }
}
