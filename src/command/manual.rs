//! The manual pages and the completions for shells, made from the definition of the command line.

use clap::Command;
use clap_complete::Shell;
use std::path::Path;

/// The shells whose completions the packages bring along.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes `kew.1`, a page for each subcommand, and the completions into a directory, which it makes.
///
/// # Errors
/// When the directory cannot be made or written to.
pub fn write(command: Command, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write to {}: {error}", to.display());
    std::fs::create_dir_all(to).map_err(failed)?;
    // Without `kew help`, which says what the pages say.
    let mut command = command.disable_help_subcommand(true);
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, "kew", to).map_err(failed)?;
    }
    clap_mangen::generate_to(command, to).map_err(failed)
}
