//! A Debian package of the same files as the archive, made without Debian's tools, so that its bytes depend on what is in it alone.
//!
//! The format is in deb(5): an `ar` archive of the format's version, the package's description and its scripts, and its files.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::archive::{self, Entry};

/// Where files of the archive are on a system; all others but the licences and documents are left out.
const PLACES: [(&str, &str); 4] =
    [("bin/", "usr/bin/"), ("etc/", "etc/afterglow/"), ("lib/", "usr/lib/"), ("share/", "usr/share/")];

/// What `apt show` says.
const DESCRIPTION: &str = "\
Description: real-time telemetry: samples in, live charts, history, alerts
 Takes numbers from sensors, scripts, services and simulations over HTTP,
 acknowledges them once they are on the disk, shows them live in the browser,
 keeps them at a few bytes a sample, and sends a message when one is wrong.
";

/// What a package is called.
pub(super) struct Package<'a> {
    /// Such as `0.1.0`.
    pub(super) version: &'a str,
    /// Debian's word for it, such as `amd64`.
    pub(super) architecture: &'a str,
    /// The oldest libc that the programs run with, such as `2.34`.
    pub(super) libc: &'a str,
    /// Its scripts, by name.
    pub(super) scripts: &'a [(&'a str, Vec<u8>)],
}

/// Debian's word for the processor of a platform such as `x86_64-unknown-linux-gnu`; none where there are no packages for it.
pub(super) fn architecture(platform: &str) -> Option<&'static str> {
    match platform.split_once("-unknown-linux-gnu")?.0 {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

/// The newest version of libc that a program names: it does not start with an older one.
pub(super) fn libc(program: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"GLIBC_2.";
    let minor = |at: usize| {
        let digits = program[at + MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    };
    let found = program.windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK);
    found.map(|(at, _)| minor(at)).max().map(|minor| format!("2.{minor}"))
}

/// The package of `entries`, all of its files root's and of the time `modified`.
pub(super) fn pack(package: &Package<'_>, entries: &[Entry], modified: i64) -> Result<Vec<u8>> {
    let files = placed(entries);
    let kibibytes: u64 = files.iter().map(|file| file.size().div_ceil(1_024)).sum();
    let control = format!(
        "Package: afterglow\nVersion: {}\nArchitecture: {}\nMaintainer: The Afterglow authors <afterglow@localhost>\n\
         Installed-Size: {kibibytes}\nDepends: libc6 (>= {}), libgcc-s1, init-system-helpers\n\
         Recommends: ca-certificates\nSection: net\nPriority: optional\n{DESCRIPTION}",
        package.version, package.architecture, package.libc
    );
    let configurations = files.iter().map(Entry::path).filter(|path| path.starts_with("etc/"));
    let configurations: String = configurations.map(|path| format!("/{path}\n")).collect();
    let mut about = vec![
        Entry::file("control", control.into_bytes()),
        Entry::file("conffiles", configurations.into_bytes()),
    ];
    about.extend(package.scripts.iter().map(|(name, text)| Entry::program(name, text.clone())));
    let mut packed = b"!<arch>\n".to_vec();
    add(&mut packed, "debian-binary", b"2.0\n", modified)?;
    add(&mut packed, "control.tar.gz", &archive::packed(&about, &BTreeSet::new(), modified)?, modified)?;
    add(&mut packed, "data.tar.gz", &archive::packed(&files, &folders(&files), modified)?, modified)?;
    Ok(packed)
}

/// The archive's files where a system has them.
fn placed(entries: &[Entry]) -> Vec<Entry> {
    let place = |entry: &Entry| {
        let moved =
            PLACES.iter().find_map(|(from, to)| Some(format!("{to}{}", entry.path().strip_prefix(from)?)));
        let is_document = entry.path().starts_with("LICENSE") || entry.path() == "CHANGELOG.md";
        let moved =
            moved.or_else(|| is_document.then(|| format!("usr/share/doc/afterglow/{}", entry.path())));
        moved.map(|path| entry.at(&path))
    };
    entries.iter().filter_map(place).collect()
}

/// Every folder that files are in: dpkg makes none by itself.
fn folders(files: &[Entry]) -> BTreeSet<String> {
    let above = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    files.iter().flat_map(|file| above(file.path())).collect()
}

/// Adds a member to an `ar` archive: a header of 60 bytes, and an even number of bytes.
fn add(packed: &mut Vec<u8>, name: &str, bytes: &[u8], modified: i64) -> Result<()> {
    let header = format!("{name:<16}{modified:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", bytes.len());
    anyhow::ensure!(header.len() == 60, "{name} does not fit into an ar archive");
    packed.extend_from_slice(header.as_bytes());
    packed.extend_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        packed.push(b'\n');
    }
    Ok(())
}

/// Reads the package's scripts from `deploy/debian`.
pub(super) fn scripts() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let folder = crate::run::root().join("deploy/debian");
    let read = |name| Ok((name, std::fs::read(folder.join(name)).context(name)?));
    ["postinst", "prerm", "postrm"].into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn package(version: &str, program: &str) -> Vec<u8> {
        let entries = [
            Entry::program("bin/afterglow", program.into()),
            Entry::file("etc/afterglow.toml", format!("# {version}\n").into_bytes()),
            Entry::file("lib/systemd/system/afterglow.service", b"[Unit]\n".to_vec()),
            Entry::file("share/man/man1/afterglow.1", b".TH afterglow 1\n".to_vec()),
            Entry::file("LICENSE-MIT", b"MIT\n".to_vec()),
            Entry::file("README.md", b"of the archive\n".to_vec()),
        ];
        let package = Package { version, architecture: "all", libc: "2.34", scripts: &scripts().unwrap() };
        let packed = pack(&package, &entries, 1_000_000_000).unwrap();
        assert_eq!(pack(&package, &entries, 1_000_000_000).unwrap(), packed, "the same bytes again");
        packed
    }

    /// Runs dpkg on a system of its own below `system`; whether it did what was asked.
    fn dpkg(system: &Path, words: &[&str]) -> bool {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", system.display())).args([
            "--force-not-root",
            "--force-script-chrootless",
            "--force-depends",
            // Both the file and the package's have changed: keep it, without a question.
            "--force-confold",
            "--log=/dev/null",
        ]);
        let output = command.args(words).output().unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success()
    }

    #[test]
    fn upgrades_keep_configuration_and_data_and_only_purging_deletes_them() {
        if !crate::prerequisites::runs("dpkg") {
            return;
        }
        let system = tempfile::tempdir().unwrap();
        let at = |path: &str| system.path().join(path);
        for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/private/afterglow"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("var/lib/dpkg/status"), "").unwrap();
        for (version, program) in [("1.0", "one"), ("1.1", "two")] {
            std::fs::write(at("a.deb"), package(version, program)).unwrap();
            assert!(dpkg(system.path(), &["--install", at("a.deb").to_str().unwrap()]), "{version}");
            assert_eq!(std::fs::read_to_string(at("usr/bin/afterglow")).unwrap(), program);
            std::fs::write(at("etc/afterglow/afterglow.toml"), "mine").unwrap();
            std::fs::write(at("var/lib/private/afterglow/afterglow.db"), "data").unwrap();
        }
        let kept = || {
            let read = |path: &str| std::fs::read_to_string(at(path)).ok();
            (read("etc/afterglow/afterglow.toml"), read("var/lib/private/afterglow/afterglow.db"))
        };
        assert_eq!(kept(), (Some("mine".into()), Some("data".into())));
        assert!(dpkg(system.path(), &["--remove", "afterglow"]));
        assert!(!at("usr/bin/afterglow").exists());
        assert_eq!(kept(), (Some("mine".into()), Some("data".into())));
        assert!(dpkg(system.path(), &["--purge", "afterglow"]));
        assert_eq!(kept(), (None, None));
    }

    #[test]
    fn the_oldest_libc_is_the_newest_that_is_named() {
        assert_eq!(libc(b"..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4\0").as_deref(), Some("2.34"));
        assert_eq!(libc(b"GLIBC_PRIVATE"), None);
        assert_eq!(architecture("x86_64-unknown-linux-gnu"), Some("amd64"));
        assert_eq!(architecture("x86_64-apple-darwin"), None);
    }
}
