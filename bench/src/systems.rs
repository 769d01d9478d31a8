//! Who is measured. Everything that differs between them is behind [`System`].

mod afterglow;
pub(crate) mod flask;
mod influxdb;
mod line_protocol;
mod victoriametrics;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::Package;
use crate::samples::{Batch, Span};
use crate::server::{Server, free_port};

pub(crate) const OURS: &dyn System = &afterglow::Afterglow;

pub(crate) const PEERS: [&dyn System; 2] = [&victoriametrics::VictoriaMetrics, &influxdb::InfluxDb];

/// A telemetry store with an HTTP interface.
pub(crate) trait System: Sync {
    fn name(&self) -> &'static str;

    /// What its answer to a write promises.
    fn promise(&self) -> &'static str;

    /// Where its binary comes from; None when the caller has built it.
    fn package(&self) -> Option<Package>;

    fn version(&self) -> Result<String>;

    /// Serves `port` on loopback from the data in `folder`, which may hold other things too.
    fn command(&self, folder: &Path, port: u16) -> Result<Command>;

    /// Answers well as soon as the server works.
    fn ready_path(&self) -> &'static str;

    /// Whatever must be made before the first write; harmless when it is there already.
    fn prepare(&self, server: &Server) -> Result<()> {
        let _ = server;
        Ok(())
    }

    fn write_path(&self) -> &'static str;

    /// The body that stores `batch`.
    fn encode(&self, batch: &Batch, body: &mut Vec<u8>);

    /// How many samples it says it has stored since it was started on an empty folder.
    fn stored(&self, server: &Server) -> Result<u64>;

    /// Stops it with all its data in its final form; gives the commands and requests for that, for the footer.
    fn seal(&self, server: Server) -> Result<Vec<String>>;

    /// The parts of the folder that hold data.
    fn data(&self) -> &'static [&'static str];

    /// Asks for the lowest and the highest of `stretches` parts of the first signal's `span`.
    fn reduced(&self, span: Span, stretches: u64) -> String;

    /// How many points are in the answer to [`System::reduced`].
    fn count_points(&self, answer: &str) -> usize;

    /// Asks for all samples of the first signal in `span`: the format's content type, and the path.
    fn exports(&self, span: Span) -> Vec<(&'static str, String)>;
}

/// Bytes of `system`'s data in `folder`.
pub(crate) fn data_bytes(system: &dyn System, folder: &Path) -> Result<u64> {
    system.data().iter().map(|part| bytes_below(&folder.join(part))).sum()
}

/// As the disk counts them: a file may be made longer than what is in it.
fn bytes_below(path: &Path) -> Result<u64> {
    let meta = match path.symlink_metadata() {
        // A running server removes files while they are counted.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        meta => meta.with_context(|| path.display().to_string())?,
    };
    if !meta.is_dir() {
        return Ok(meta.blocks() * 512);
    }
    path.read_dir()?.map(|entry| bytes_below(&entry?.path())).sum()
}

/// Starts `system` on the data in `folder` and returns once it answers.
pub(crate) fn start(system: &dyn System, folder: &Path) -> Result<Server> {
    let port = free_port()?;
    let server = Server::launch(system.command(folder, port)?, folder, port, system.ready_path())?;
    system.prepare(&server)?;
    Ok(server)
}

/// The sum of a metric's values in the Prometheus text `metrics`, over those lines that begin with `start`.
pub(crate) fn metric(metrics: &[u8], start: &str) -> Result<u64> {
    let text = std::str::from_utf8(metrics)?;
    let values = text.lines().filter(|line| line.starts_with(start));
    values
        .map(|line| {
            line.rsplit(' ').next().unwrap_or_default().parse::<u64>().with_context(|| line.to_owned())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Shape, Source};

    fn text(system: &dyn System, instants: u64) -> String {
        let mut body = Vec::new();
        system.encode(&Source::new(Shape::Constant, 2).batch(instants), &mut body);
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn line_protocol() {
        let expected =
            "bench signal0=42,signal1=42 1700006400000\nbench signal0=42,signal1=42 1700006400100\n";
        PEERS.iter().for_each(|peer| assert_eq!(text(*peer, 2), expected));
    }

    #[test]
    fn json() {
        let object = r#"{"timestamp":1700006400000,"signals":{"signal0":42,"signal1":42}}"#;
        assert_eq!(text(OURS, 1), object);
        assert_eq!(text(OURS, 2), format!("[{object},{}]", object.replace("400000", "400100")));
    }

    #[test]
    fn points_are_counted() {
        let points = [
            r#"{"signal0":[{"timestamp":"a","value":1},{"timestamp":"b","value":2}]}"#,
            r#"{"data":{"result":[{"values":[[1.5,"2"]]},{"values":[[1.5,"3"]]}]}}"#,
            r#"{"results":[{"series":[{"columns":["time","min","max"],"values":[[1,2,3]]}]}]}"#,
        ];
        let systems = std::iter::once(OURS).chain(PEERS);
        systems
            .zip(points)
            .for_each(|(system, answer)| assert_eq!(system.count_points(answer), 2, "{answer}"));
    }

    #[test]
    fn metrics_are_summed() {
        let text = b"# TYPE a counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\nb_total 9\n";
        assert_eq!(metric(text, "a_total").unwrap(), 5);
    }
}
