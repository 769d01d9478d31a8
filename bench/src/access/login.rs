//! Whether the time of a refused login shows if a member exists: those of a member and of nobody take turns, each from an address that has
//! not failed yet, so that no limit answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Bar, Judged, serve};
use crate::figures::{float, median, millis, print_table, progress, show};
use crate::http::{self, Connection};
use crate::lab::Lab;

/// Logins of each.
const LOGINS: u64 = 400;

const PASSWORD: &str = "correct horse battery";

/// How far the medians may be apart, as a part of the one without a member.
const BAR: f64 = 0.05;

pub(super) fn run(lab: &Lab) -> Result<Judged> {
    let folder = lab.folder()?;
    // The program in front says where requests come from.
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1")];
    let server = serve(lab, folder.path(), None, &settings)?;
    let log = std::fs::read_to_string(folder.path().join("log"))?;
    let link = log.split("/setup#").nth(1).and_then(|rest| rest.split_whitespace().next());
    let token = link.with_context(|| format!("the server printed no link: {log}"))?;
    let mut connection = Connection::open(&server.address)?;
    let body = format!(r#"{{"token":"{token}","name":"ada","password":"{PASSWORD}"}}"#);
    connection.send(&http::post("/api/setup", body.as_bytes()))?;
    let count = lab.scaled(LOGINS);
    progress(&format!("login: {count} of a member, {count} of nobody"));
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..count {
        // A B, then B A.
        let is_first_known = number.is_multiple_of(2);
        for (place, is_known) in [(0, is_first_known), (1, !is_first_known)] {
            let took = refused(&mut connection, is_known, number * 2 + place)?;
            if is_known { &mut known } else { &mut unknown }.push(millis(took));
        }
    }
    let [known, unknown] = [known, unknown].map(median);
    let row = [show(known), show(unknown), show(known / unknown)];
    print_table(
        &format!("A refused login, medians of {} each, ms", show(float(count))),
        ["a member", "nobody", "ratio"],
        &[row],
    );
    let what = "refused logins of a member and of nobody, medians apart".to_owned();
    Ok(Judged { what, figure: (known / unknown - 1.0).abs(), unit: "", bar: Bar::Below(BAR) })
}

/// How long a login with a wrong password takes.
fn refused(connection: &mut Connection, is_known: bool, number: u64) -> Result<Duration> {
    // Names of one length, each of nobody another one.
    let name = if is_known { "ada".to_owned() } else { format!("{:03}", number % 1_000) };
    let body = format!(r#"{{"name":"{name}","password":"not the password"}}"#);
    let from = format!("X-Forwarded-For: 2001:db8:{:x}:{:x}::1", number / 65_536, number % 65_536);
    let length = body.len();
    let head = "POST /api/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n";
    let request = format!("{head}{from}\r\nContent-Length: {length}\r\n\r\n{body}");
    let start = Instant::now();
    let status = connection.status(request.as_bytes())?;
    ensure!(status == "401", "a login was answered {status}");
    Ok(start.elapsed())
}
