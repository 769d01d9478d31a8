//! Prometheus, which scrapes and evaluates once a second, with Alertmanager.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::crossing::{self, RULES, SIGNALS, Values};
use super::receiver::Receiver;
use super::until;
use crate::figures::progress;
use crate::lab::Lab;
use crate::packages::{self, Package};
use crate::server::{Server, free_port};

const PACKAGES: [Package; 2] = [
    Package { name: "Prometheus", program: "prometheus", debian: "prometheus" },
    Package { name: "Alertmanager", program: "prometheus-alertmanager", debian: "prometheus-alertmanager" },
];

/// A webhook that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long Alertmanager gathers before the first message of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Zero,
    /// 30 seconds.
    Default,
}

impl Wait {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Zero => "`group_wait: 0s`",
            Self::Default => "`group_wait` as it is (30 s)",
        }
    }
}

/// The delays of crossings in milliseconds, in order: from the moment at which its value is there to be scraped.
pub(super) fn delays(lab: &Lab, wait: Wait, crossings: usize) -> Result<Vec<f64>> {
    packages::install_missing(&PACKAGES)?;
    for package in &PACKAGES {
        lab.note(&format!("# {}", package.version()?));
    }
    let (folder, receiver) = (lab.folder()?, Receiver::new("alertname")?);
    let values = Arc::new(Values::new());
    let exporter = export(Arc::clone(&values))?;
    let wait_line = if wait == Wait::Zero { "  group_wait: 0s\n" } else { "" };
    std::fs::write(
        folder.path().join("alertmanager.yml"),
        format!(
            "route:\n  receiver: ops\n  group_by: [alertname]\n{wait_line}receivers:\n- name: ops\n  webhook_configs:\n  - url: {}\n",
            receiver.url()
        ),
    )?;
    let mut rules = String::from("groups:\n");
    // Groups are evaluated beside each other, a group's rules one after the other.
    for group in 0..10 {
        writeln!(rules, "- name: g{group}\n  rules:")?;
        for number in (group..RULES).step_by(10) {
            let limit = if number < SIGNALS { 80 } else { 90 };
            writeln!(rules, "  - alert: r{number}\n    expr: signal{} > {limit}", number % SIGNALS)?;
        }
    }
    std::fs::write(folder.path().join("rules.yml"), rules)?;
    let manager = launch(lab, folder.path(), "prometheus-alertmanager", |command, port, data| {
        command.arg(format!("--config.file={data}/alertmanager.yml"));
        command.arg(format!("--storage.path={data}/alertmanager"));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    })?;
    std::fs::write(
        folder.path().join("prometheus.yml"),
        format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: bench\n  static_configs:\n  - targets: ['{exporter}']\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['{}']\n",
            manager.address
        ),
    )?;
    let prometheus = launch(lab, folder.path(), "prometheus", |command, port, data| {
        command.arg(format!("--config.file={data}/prometheus.yml"));
        command.arg(format!("--storage.tsdb.path={data}/prometheus"));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    })?;
    // Some evaluations go by before the first crossing.
    thread::sleep(Duration::from_secs(5));
    let mut crossed = Vec::new();
    for number in 0..crossings {
        // At any moment of the second.
        thread::sleep(Duration::from_micros(60_000 + (number as u64 * 7_919) % 13_000));
        values.cross(number);
        crossed.push((number, Instant::now()));
    }
    progress("delay: the last webhooks");
    until(PATIENCE, || (0..crossings).all(|number| receiver.named(&format!("r{number}")).is_some()));
    drop(prometheus);
    drop(manager);
    crossing::delays(&receiver, &crossed, |number| format!("r{number}"))
}

fn launch(
    lab: &Lab,
    folder: &std::path::Path,
    program: &str,
    options: impl Fn(&mut Command, u16, &str),
) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(program);
    options(&mut command, port, &folder.to_string_lossy());
    let server = Server::launch(command, folder, port, "/-/ready")?;
    lab.note(&server.command);
    Ok(server)
}

/// Serves the values as metrics; its address. Ends with this program.
fn export(values: Arc<Values>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let values = Arc::clone(&values);
            thread::spawn(move || while answer(&stream, &values).unwrap_or(false) {});
        }
    });
    Ok(address)
}

fn answer(mut stream: &TcpStream, values: &Values) -> Result<bool> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = String::new();
    for signal in 0..SIGNALS {
        writeln!(body, "signal{signal} {}", values.get(signal))?;
    }
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    Ok(true)
}
