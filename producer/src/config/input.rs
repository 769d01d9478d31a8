//! What is sampled: `[[signal]]`, `[[host]]`, `[[csv]]` and `[[exec]]`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use afterglow_cli::{ConfigError, Section};
use afterglow_formats::series::Tags;
use afterglow_formats::table::{Dates, Options};
use afterglow_wire::name;

use crate::signal::{Cosine, Damped, Noise, RandomWalk, Shape, Sine};
use crate::source::csv::{self, Replay};
use crate::source::exec::{Exec, Program};

/// The longest period, one day: signals slower than that are not telemetry.
const PERIOD_MS: std::ops::RangeInclusive<u64> = 1..=86_400_000;
/// Frequencies above 0, slower than once in eleven days to 1 MHz.
const FREQUENCY_HZ: std::ops::RangeInclusive<f64> = 0.000_001..=1_000_000.0;
/// Amplitudes and steps.
const AMPLITUDE: std::ops::RangeInclusive<f64> = 0.0..=1e12;
const SHAPES: &str = "one of sine, cosine, noise, random_walk, damped";

/// One generator's work.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A simulated signal.
    Simulated(Simulated),
    /// This machine's own values.
    Host(Host),
    /// A recorded file.
    Csv(Replay),
    /// Lines of a program or of the standard input.
    Exec(Exec),
}

/// A simulated signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// The signal's name.
    pub name: String,
    /// What it looks like.
    pub shape: Shape,
    /// The time between samples.
    pub period: Duration,
}

/// This machine's own values.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// What the names of its signals start with, before a dot.
    pub prefix: String,
    /// The time between samples.
    pub period: Duration,
}

impl Input {
    /// The program that it runs.
    pub(super) fn program(&self) -> Option<&str> {
        match self {
            Self::Exec(Exec { program: Program::Command { words, .. }, .. }) => {
                words.first().map(String::as_str)
            }
            _ => None,
        }
    }

    /// What logs call it.
    pub fn label(&self) -> String {
        match self {
            Self::Simulated(signal) => signal.name.clone(),
            Self::Host(host) => host.prefix.clone(),
            Self::Csv(csv) => csv.file.display().to_string(),
            Self::Exec(Exec { program: Program::Stdin, .. }) => "standard input".to_owned(),
            Self::Exec(Exec { program: Program::Command { words, .. }, .. }) => words.join(" "),
        }
    }

    /// One line that says what it does.
    pub fn describe(&self) -> String {
        match self {
            Self::Simulated(Simulated { name, shape, period }) => {
                format!("signal {name}: {shape}, every {} ms", period.as_millis())
            }
            Self::Host(Host { prefix, period }) => {
                format!("host: {prefix}.cpu_percent and others, every {} ms", period.as_millis())
            }
            Self::Csv(Replay { file, speed, rebase, .. }) => {
                let stamps = if *rebase { "rebased" } else { "original" };
                format!("csv {}: {speed} x as fast, {stamps} timestamps", file.display())
            }
            Self::Exec(_) => format!("exec: lines of {}", self.label()),
        }
    }
}

/// Reads all inputs, in the order signals, hosts, files, programs.
pub(super) fn read(top: &mut Section, folder: &Path) -> Result<Vec<Input>, ConfigError> {
    let mut inputs = Vec::new();
    let mut names = BTreeSet::new();
    for section in top.sections("signal")? {
        inputs.push(Input::Simulated(simulated(section, &mut names)?));
    }
    for section in top.sections("host")? {
        inputs.push(Input::Host(host(section, &mut names)?));
    }
    for section in top.sections("csv")? {
        inputs.push(Input::Csv(csv_file(section, folder)?));
    }
    for section in top.sections("exec")? {
        inputs.push(Input::Exec(exec(section, &mut names)?));
    }
    Ok(inputs)
}

fn simulated(mut section: Section, names: &mut BTreeSet<String>) -> Result<Simulated, ConfigError> {
    let name = section.required("name", "the signal's name, a text of 1 to 256 bytes")?;
    section.rename(&name);
    name::check_new(&name).map_err(|problem| section.error(&format!("`name` is not allowed: {problem}")))?;
    unique(&section, names, &name)?;
    let period = section.millis("period_ms", PERIOD_MS, 1_000)?;
    let kind = section.required("shape", SHAPES)?;
    let shape = shape(&mut section, &kind, period)?;
    section.finish()?;
    Ok(Simulated { name, shape, period })
}

fn shape(section: &mut Section, kind: &str, period: Duration) -> Result<Shape, ConfigError> {
    Ok(match kind {
        "sine" => Shape::Sine(Sine {
            frequency_hz: section.number("frequency_hz", FREQUENCY_HZ, 0.1)?,
            amplitude: section.number("amplitude", AMPLITUDE, 10.0)?,
        }),
        "cosine" => Shape::Cosine(Cosine {
            frequency_hz: section.number("frequency_hz", FREQUENCY_HZ, 0.15)?,
            amplitude: section.number("amplitude", AMPLITUDE, 8.0)?,
        }),
        "noise" => Shape::Noise(Noise { amplitude: section.number("amplitude", AMPLITUDE, 5.0)? }),
        "random_walk" => {
            Shape::RandomWalk(RandomWalk { step: section.number("step", AMPLITUDE, 0.5)?, period })
        }
        "damped" => Shape::Damped(Damped {
            frequency_hz: section.number("frequency_hz", FREQUENCY_HZ, 0.2)?,
            amplitude: section.number("amplitude", AMPLITUDE, 15.0)?,
            decay_per_second: section.number("decay_per_second", 0.0..=1_000.0, 0.01)?,
            restart: section.millis("restart_ms", PERIOD_MS, 300_000)?,
        }),
        other => return Err(section.error(&format!("`shape = {other:?}` is not allowed; it takes {SHAPES}"))),
    })
}

fn host(mut section: Section, names: &mut BTreeSet<String>) -> Result<Host, ConfigError> {
    let prefix = section.text("prefix")?.unwrap_or_else(|| "host".to_owned());
    check_prefix(&section, &prefix)?;
    unique(&section, names, &format!("{prefix}.*"))?;
    let period = section.millis("period_ms", 200..=*PERIOD_MS.end(), 1_000)?;
    section.finish()?;
    Ok(Host { prefix, period })
}

fn csv_file(mut section: Section, folder: &Path) -> Result<Replay, ConfigError> {
    let file = section.required("file", "the path of a CSV file")?;
    section.rename(&file);
    let prefix = section.text("prefix")?.unwrap_or_default();
    check_prefix(&section, &prefix)?;
    let speed = section.number("speed", 0.001..=1e9, 1.0)?;
    let rebase = section.parsed("timestamps", |text| match text {
        "original" => Ok(false),
        "rebased" => Ok(true),
        _ => Err("original or rebased".to_owned()),
    })?;
    let table = Options {
        separator: section.parsed("separator", Options::separator)?,
        decimal_comma: section.parsed("decimal", Options::decimal)?,
        time: Options::columns(section.text("time")?.as_deref()),
        signal: Options::columns(section.text("signal")?.as_deref()),
        tags: section.parsed("tags", Tags::read)?.unwrap_or_default(),
        value: section.text("value")?,
        dates: section.parsed("dates", Dates::read)?,
        zone: section.parsed("zone", str::parse)?,
    };
    let csv = Replay { file: folder.join(&file), prefix, speed, rebase: rebase.unwrap_or(false), table };
    csv::check(&csv.file, &csv.table).map_err(|problem| section.error(&format!("`file`: {problem}")))?;
    section.finish()?;
    Ok(csv)
}

fn exec(mut section: Section, names: &mut BTreeSet<String>) -> Result<Exec, ConfigError> {
    let prefix = section.text("prefix")?.unwrap_or_default();
    check_prefix(&section, &prefix)?;
    let program = match (section.texts("command")?, section.flag("stdin")?) {
        (Some(words), false) => {
            let restart = section.whole("restart_ms", 0..=*PERIOD_MS.end(), 0)?;
            let environment = section.texts("environment")?.unwrap_or_default();
            Program::Command {
                words,
                environment,
                restart: (restart > 0).then(|| Duration::from_millis(restart)),
            }
        }
        (None, true) => {
            unique(&section, names, "the standard input")?;
            Program::Stdin
        }
        _ => return Err(section.error("it takes either `command = [...]` or `stdin = true`")),
    };
    let tags = section.parsed("tags", Tags::read)?.unwrap_or_default();
    section.finish()?;
    Ok(Exec { program, prefix, tags })
}

/// A prefix must leave room for the rest of the name.
fn check_prefix(section: &Section, prefix: &str) -> Result<(), ConfigError> {
    name::check_new(&format!("{prefix}{}", "x".repeat(64))).map_err(|problem| {
        section.error(&format!("`prefix = {prefix:?}` makes names too long or wrong: {problem}"))
    })
}

fn unique(section: &Section, names: &mut BTreeSet<String>, name: &str) -> Result<(), ConfigError> {
    if names.insert(name.to_owned()) {
        Ok(())
    } else {
        Err(section.error(&format!("{name} is there twice; each may be there once")))
    }
}
