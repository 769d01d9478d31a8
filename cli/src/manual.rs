//! Manual pages and shell completions, made of a command line's own definition.

use std::fs::create_dir_all;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate_to};

/// Where each shell looks for completions, below `/usr/share`.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions"),
    (Shell::Fish, "fish/vendor_completions.d"),
    (Shell::Zsh, "zsh/site-functions"),
];

/// Writes a page for `command` and each of its subcommands, and completions for bash, fish and zsh, below `folder` as they
/// lie below `/usr/share`.
///
/// # Errors
/// When a folder or a file cannot be written.
pub fn write(command: &Command, folder: &Path) -> io::Result<()> {
    let name = command.get_name().to_owned();
    for (shell, place) in COMPLETIONS {
        let place = folder.join(place);
        create_dir_all(&place)?;
        generate_to(shell, &mut command.clone(), &name, place)?;
    }
    let pages = folder.join("man/man1");
    create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), pages)
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn every_subcommand_has_a_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        let serve = Command::new("serve").about("Serves").arg(Arg::new("listen").long("listen"));
        write(&Command::new("program").subcommand(serve), folder.path()).unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        assert!(read("man/man1/program.1").contains("program\\-serve(1)"));
        assert!(read("man/man1/program-serve.1").contains("\\-\\-listen"));
        for path in ["bash-completion/completions/program.bash", "fish/vendor_completions.d/program.fish"] {
            assert!(read(path).contains("listen"), "{path}");
        }
        assert!(read("zsh/site-functions/_program").starts_with("#compdef program"));
    }
}
