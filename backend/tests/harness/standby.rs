//! A PostgreSQL server with a synchronous standby, for a test in which the standby takes over.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::cluster;

/// Both servers' parent: it waits for lines that say what is to be done, and ends both with its standard input.
const KEEPER: &str = r#"
trap '' INT TERM HUP PIPE
umask 077
folder=$(mktemp -d /tmp/afterglow-standby-XXXXXX) || exit 1
end() { for s in $first $second; do kill -QUIT $s && wait $s; done; cd /; rm -rf "$folder"; exit; }
up() { until "$1/pg_isready" -q -h "$folder/$2"; do kill -0 $3 || { cat $2.log >&2; end; }; sleep 0.05; done; }
ask() { "$programs/psql" -qAtX -h "$folder/$1" -U afterglow -d postgres -c "$2"; }
programs=$1
cd "$folder" && mkdir first second
"$1/initdb" -D one -A trust -U afterglow -E UTF8 --locale=C --no-sync >made 2>&1 || { cat made >&2; end; }
"$1/postgres" -D one -k "$folder/first" -c listen_addresses= -c shared_buffers=32MB </dev/null >first.log 2>&1 &
first=$!
up "$1" first $first
ask first "CREATE DATABASE promoted"
"$1/pg_basebackup" -h "$folder/first" -U afterglow -D two -R -X stream -c fast --no-sync >made 2>&1 || { cat made >&2; end; }
"$1/postgres" -D two -k "$folder/second" -c listen_addresses= -c shared_buffers=32MB </dev/null >second.log 2>&1 &
second=$!
up "$1" second $second
ask first "ALTER SYSTEM SET synchronous_standby_names = '*'" && ask first "SELECT pg_reload_conf()" >made
tries=0
until [ "$(ask first "SELECT sync_state FROM pg_stat_replication")" = sync ]; do
    tries=$((tries + 1))
    kill -0 $first && kill -0 $second && [ $tries -lt 1200 ] || { cat first.log second.log >&2; end; }
    sleep 0.05
done
echo "$folder"
while read -r line; do
    case $line in
        kill) kill -STOP $first; pkill -KILL -P $first; kill -KILL $first; wait $first; first=; echo killed ;;
        promote) ask second "SELECT pg_promote()" ;;
    esac
done
end
"#;

/// The primary and its standby.
pub(crate) struct Pair {
    folder: String,
    /// None when it is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    keeper: Child,
}

impl Pair {
    /// Starts both; the primary acknowledges what the standby has, too.
    pub(crate) fn start() -> Self {
        let mut keeper = cluster::shell();
        let keeper = keeper.args(["-c", KEEPER, "keeper"]).arg(cluster::programs().unwrap());
        keeper.process_group(0);
        let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (keeper.stdin.take().unwrap(), keeper.stdout.take().unwrap());
        let mut pair =
            Self { folder: String::new(), input: Some(input), output: BufReader::new(output), keeper };
        pair.folder = pair.line();
        assert!(!pair.folder.is_empty(), "PostgreSQL did not start");
        pair
    }

    /// A URL of both, of which the primary is used.
    pub(crate) fn url(&self) -> PathBuf {
        let [first, second] =
            ["first", "second"].map(|name| format!("{}/{name}", self.folder).replace('/', "%2F"));
        format!("postgres://afterglow@{first},{second}/promoted?target_session_attrs=read-write").into()
    }

    /// Kills the primary, and lets the standby be one.
    pub(crate) fn promote(&mut self) {
        for (what, answer) in [("kill\n", "killed"), ("promote\n", "t")] {
            self.input.as_mut().unwrap().write_all(what.as_bytes()).unwrap();
            assert_eq!(self.line(), answer);
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// The keeper sees the end of its input, and ends both.
impl Drop for Pair {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.keeper.wait();
    }
}
