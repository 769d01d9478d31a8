//! The findings: what was found to stop, fill or slow the server, each with variations made by a generator.

use std::io::Write as _;

use super::attack::Deed;
use super::peer::request;

/// Something that an attacker can multiply.
pub(super) struct Finding {
    pub(super) name: &'static str,
    /// Makes a variation.
    pub(super) vary: fn(&mut Random) -> Deed,
}

/// Those that made others wait.
pub(super) const SLOW: [Finding; 4] = [
    Finding { name: "F4: patterns", vary: patterns },
    Finding { name: "F5: parameters", vary: parameters },
    Finding { name: "F6: slow readers", vary: readers },
    Finding { name: "F10: bodies that expand", vary: expanding },
];

/// Those that took memory; the first of each is as it was found.
pub(super) const LARGE: [Finding; 3] = [
    Finding { name: "F7: subscriptions", vary: subscriptions },
    Finding { name: "F8: bodies held back", vary: bodies },
    Finding { name: "F9: copies of the head", vary: copies },
];

/// Marsaglia's xorshift64, so that every run tries the same.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap_or_default()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Patterns that match all but the end of long names. Some are more than what is allowed.
fn patterns(random: &mut Random) -> Deed {
    let stars = 1 + random.below(5);
    let piece = 1 + random.below(230 / stars);
    let pattern = |number| format!("{}b{number}*", format!("*{}", "a".repeat(piece)).repeat(stars));
    let count = random.one_of(&[1, 20, 100, 480]).min(60_000 / pattern(100).len());
    let all: Vec<_> = (0..count).map(pattern).collect();
    let target =
        random.one_of(&["", "/api/telemetry", "/api/telemetry/summary", "/api/stream", "/api/alerts"]);
    if target.is_empty() {
        return Deed::subscribe(20, &all, random.one_of(&["", ",\"window\":60"]), 4_096);
    }
    Deed::repeat(&format!("GET {target}?signals={}", all.join(",")), b"")
}

/// Parameters that are long, many, or there more than once.
fn parameters(random: &mut Random) -> Deed {
    let count = random.one_of(&[1, 20, 1_000, 10_000]);
    let distinct = random.below(2) == 1;
    let tag = |number| if distinct { format!("t{number}") } else { "a".to_owned() };
    let tags = (0..count).map(tag).collect::<Vec<_>>().join(",");
    let target = match random.below(6) {
        0 => format!("/api/annotations?tags={tags}"),
        1 => format!("/api/annotations?from=0&tags={tags}"),
        2 => format!("/api/annotations?{}", "tags=a&".repeat(count)),
        3 => format!("/api/telemetry?from=0&max_points=100&signals={tags}"),
        4 => format!("/api/telemetry/summary?from=0&slices=1000&signals={tags}"),
        _ => format!("/api/signals?details=1&{}", "details=1&".repeat(count)),
    };
    Deed::repeat(&format!("GET {}", &target[..target.len().min(60_000)]), b"")
}

/// Long answers that are read slowly or not at all.
fn readers(random: &mut Random) -> Deed {
    let connections = random.one_of(&[4, 8, 50, 200]);
    let read = random.one_of(&[0, 512, 5_800, 65_536]);
    let query = random.one_of(&[
        "/api/telemetry?from=0&format=json",
        "/api/telemetry?from=0&format=csv",
        "/api/telemetry?from=0&format=ndjson",
        "/api/telemetry?from=0&max_points=100000",
        "/api/telemetry/summary?from=0&slices=1000",
        "/api/signals?details=1",
        "/api/annotations?from=0",
        "",
    ]);
    if query.is_empty() {
        return Deed::subscribe(connections, &["*".to_owned()], ",\"window\":1e9", read);
    }
    let encoding = random.one_of(&["", "\nAccept-Encoding: gzip"]);
    let whole = request(&format!("GET {query}{encoding}"), b"");
    Deed::Hold { connections, request: Box::new(move |_| whole.clone()), message: Vec::new(), read }
}

/// Bodies that are small on the wire and large, or costly, behind it.
fn expanding(random: &mut Random) -> Deed {
    const HEAD: &str = "POST /api/telemetry\nContent-Type: application/json\nContent-Encoding: gzip";
    const LINES: &str = "POST /api/telemetry\nContent-Type: application/x-ndjson\nContent-Encoding: gzip";
    let samples = random.one_of(&[10_000, 100_000, 150_000, 250_000, 1_390_000]);
    match random.below(4) {
        0 => {
            let empty = gzip(b"");
            let members = random.one_of(&[1, 8, 9, 1_000, (8 << 20) / 20]);
            Deed::repeat(HEAD, &empty.repeat(members))
        }
        1 => Deed::repeat(HEAD, &gzip(one_object(samples, |_| "\"w\":1".to_owned()).as_bytes())),
        2 => Deed::repeat(HEAD, &gzip(one_object(samples, |n| format!("\"w{}\":{n}", n % 1_000)).as_bytes())),
        _ => Deed::repeat(LINES, &gzip("{\"signals\":{\"w\":1}}\n".repeat(samples.min(400_000)).as_bytes())),
    }
}

fn one_object(samples: usize, member: impl Fn(usize) -> String) -> String {
    let members: Vec<_> = (0..samples).map(member).collect();
    format!("{{\"signals\":{{{}}}}}", members.join(","))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory does not fail.
    encoder.write_all(text).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Event streams that nobody reads, each for another list of signals.
fn subscriptions(random: &mut Random) -> Deed {
    let form = random.below(3);
    Deed::hold(200, move |number| {
        let list = match form {
            0 => format!("*,u{number}"),
            1 => format!("s*{number}"),
            _ => format!("a*,s{number}*"),
        };
        request(&format!("GET /api/stream?signals={list}"), b"")
    })
}

/// Large bodies of which the last byte does not come.
fn bodies(random: &mut Random) -> Deed {
    let filler = random.one_of(b" [{");
    let mut whole = request("POST /api/telemetry\nContent-Type: application/json", &vec![filler; 8 << 20]);
    whole.pop();
    Deed::hold(120, move |_| whole.clone())
}

/// Many questions at once about what is in memory.
fn copies(random: &mut Random) -> Deed {
    let target = random.one_of(&[
        "/api/signals?details=1",
        "/api/telemetry?from=0&max_points=10",
        "/api/telemetry/summary?from=0&slices=10",
    ]);
    Deed::Repeat { connections: 200, request: request(&format!("GET {target}"), b"") }
}
