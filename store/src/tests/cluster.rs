//! A PostgreSQL server for the tests of this process: it is started for the first of them, listens on a socket in a folder of its
//! own, and ends with the process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// The server's parent: it waits for the end of its standard input, which this process has open, and then ends the server. The
/// data is not copied to the disk while it is made, only from then on.
const KEEPER: &str = r#"
trap '' INT TERM HUP PIPE
umask 077
folder=$(mktemp -d /tmp/afterglow-postgres-XXXXXX) || exit 1
end() { [ -n "$server" ] && kill -QUIT $server && wait $server; cd /; rm -rf "$folder"; exit; }
cd "$folder"
"$1/initdb" -D data -A trust -U afterglow -E UTF8 --locale=C --no-sync >made 2>&1 || { cat made >&2; end; }
"$1/postgres" -D data -k "$folder" -c listen_addresses= -c max_connections=300 -c shared_buffers=32MB </dev/null >log 2>&1 &
server=$!
until "$1/pg_isready" -q -h "$folder"; do
    kill -0 $server 2>/dev/null || { cat log >&2; end; }
    sleep 0.05
done
echo "$folder"
cat >/dev/null
end
"#;

/// The folder of the server's socket, and its keeper.
struct Cluster {
    folder: String,
    _keeper: Child,
}

static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(|| {
    let Some(programs) = programs() else {
        eprintln!("skipped on PostgreSQL: it is not installed (apt-get install postgresql)");
        return None;
    };
    let mut keeper = shell();
    let keeper = keeper.args(["-c", KEEPER, "keeper"]).arg(programs);
    // An interrupt from the keyboard is for this process, which decides what ends first.
    keeper.process_group(0);
    let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut folder = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut folder).unwrap();
    assert!(!folder.is_empty(), "PostgreSQL did not start");
    Some(Cluster { folder: folder.trim().to_owned(), _keeper: keeper })
});

/// A shell that may start a server, which refuses to be root's.
pub(crate) fn shell() -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new("sh");
    }
    let mut shell = Command::new("setpriv");
    shell.args(["--reuid=nobody", &format!("--regid={}", group_of_nobody()), "--clear-groups", "sh"]);
    shell
}

/// The number of the group of `nobody`, whose name differs between systems.
fn group_of_nobody() -> String {
    let output = Command::new("id").args(["-g", "nobody"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The folder with the programs of PostgreSQL: that of `AFTERGLOW_POSTGRES`, the newest of Debian's from 14 on, or one of `PATH`.
pub(crate) fn programs() -> Option<PathBuf> {
    let has_all =
        |folder: &Path| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file());
    let mut folders: Vec<PathBuf> =
        std::env::var_os("AFTERGLOW_POSTGRES").map(PathBuf::from).into_iter().collect();
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version =
        |name: &std::ffi::OsStr| name.to_str()?.parse::<u32>().ok().filter(|version| *version >= 14);
    let mut versions: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((version(&entry.file_name())?, entry.path().join("bin")))).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().find(|folder| has_all(folder))
}

/// Whether there is a server.
pub(crate) fn is_here() -> bool {
    CLUSTER.is_some()
}

/// The folder of the server's socket.
pub(crate) fn folder() -> &'static str {
    &CLUSTER.as_ref().expect("there is a server").folder
}
