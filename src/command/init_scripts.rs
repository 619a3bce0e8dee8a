//! Scripts that run at the start, as LocalStack runs those of `/etc/localstack/init/ready.d`: with variables that point
//! at this server, and an `awslocal`.

use super::client::own_url;
use super::environment::{self, MISLEADING};
use kew::Server;
use kew::internals::http::InitScriptState;
use std::ffi::OsString;
use std::hash::BuildHasher;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Scripts at most.
const SCRIPTS_MAX: usize = 1000;
/// How deeply directories may stand in one another.
const DIRECTORY_DEPTH_MAX: usize = 8;
/// What is run of a whole directory of LocalStack's scripts, `/etc/localstack/init`.
const READY: &str = "ready.d";

/// What scripts call in place of `aws`.
const AWSLOCAL: &str = r#"#!/bin/sh
if ! command -v aws >/dev/null 2>&1; then
    echo "awslocal: the AWS CLI is not there: no aws on the PATH; install it, or let a .py script use boto3" >&2
    exit 127
fi
exec aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"#;

/// The scripts of a directory.
pub struct Scripts {
    /// Where they are, in the order in which they run.
    found: Vec<PathBuf>,
    /// Other files.
    passed_over: Vec<PathBuf>,
}

impl Scripts {
    /// Looks for scripts: those of a directory by name, then those of the directories in it.
    ///
    /// # Errors
    /// When the directory cannot be read, or has too many.
    pub fn find(dir: &Path) -> Result<Scripts, String> {
        let ready = dir.join(READY);
        let dir = if ready.is_dir() { &ready } else { dir };
        let mut scripts = Scripts { found: Vec::new(), passed_over: Vec::new() };
        scripts.look_into(dir, 0).map_err(|error| format!("--init-scripts {}: {error}", dir.display()))?;
        Ok(scripts)
    }

    fn look_into(&mut self, dir: &Path, depth: usize) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot be read: {error}");
        let entries: Result<Vec<_>, _> = std::fs::read_dir(dir).map_err(failed)?.collect();
        let mut paths: Vec<PathBuf> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        let (dirs, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
        for path in files {
            let is_script = path.extension().is_some_and(|extension| extension == "sh" || extension == "py");
            if is_script { &mut self.found } else { &mut self.passed_over }.push(path);
        }
        if self.found.len() + self.passed_over.len() > SCRIPTS_MAX {
            return Err(format!("has more than {SCRIPTS_MAX} files"));
        }
        for dir in dirs.iter().filter(|_| depth < DIRECTORY_DEPTH_MAX) {
            self.look_into(dir, depth + 1)?;
        }
        Ok(())
    }

    /// Runs them one after the other; how each ends goes to the log, and the rest runs all the same.
    pub async fn run(&self, server: &Server, region: &str) {
        let told = server.service().init_scripts();
        told.begin(self.found.iter().map(|path| name(path)).collect());
        for path in &self.passed_over {
            tracing::warn!("init script {}: not run; only .sh and .py are", path.display());
        }
        let tools = Tools::new().inspect_err(|error| tracing::warn!("init scripts have no awslocal: {error}")).ok();
        for (index, path) in self.found.iter().enumerate() {
            told.set(index, InitScriptState::Running);
            let outcome = run(path, server, region, tools.as_ref()).await;
            let state = if outcome.is_ok() { InitScriptState::Successful } else { InitScriptState::Error };
            told.set(index, state);
            match outcome {
                Ok(()) => tracing::info!("init script {}: done", path.display()),
                Err(what) => tracing::error!("init script {}: {what}", path.display()),
            }
        }
        told.end();
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs a script to its end.
async fn run(path: &Path, server: &Server, region: &str, tools: Option<&Tools>) -> Result<(), String> {
    let prepare = |program: &Path| {
        let mut command = Command::new(program);
        command.envs(environment::variables(&own_url(server), "test", region)).envs(environment::trust(server));
        command.stdin(Stdio::null()).kill_on_drop(true);
        for name in MISLEADING {
            command.env_remove(name);
        }
        if let Some(tools) = tools {
            command.env("PATH", tools.path());
        }
        command
    };
    let is_python = path.extension().is_some_and(|extension| extension == "py");
    if !is_python && !is_executable(path) {
        return Err(format!("is not executable; chmod +x {}", path.display()));
    }
    let mut child = match is_python {
        true => prepare(Path::new("python3")).arg(path).spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => "there is no python3 on the PATH".to_owned(),
            _ => format!("python3 cannot be run: {error}"),
        })?,
        // A script without `#!` is one for sh, as a shell would run it.
        false => match prepare(path).spawn() {
            Err(error) if error.raw_os_error() == Some(NO_PROGRAM) => prepare(Path::new("sh")).arg(path).spawn(),
            spawned => spawned,
        }
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => "the program that its first line names is not there".to_owned(),
            _ => format!("cannot be run: {error}"),
        })?,
    };
    let status = child.wait().await.map_err(|error| format!("how it ended is not known: {error}"))?;
    match (status.success(), status.code()) {
        (true, _) => Ok(()),
        (false, Some(code)) => Err(format!("ended with exit code {code}")),
        (false, None) => Err(format!("was ended: {status}")),
    }
}

/// ENOEXEC: a file that is executable, and no program.
const NO_PROGRAM: i32 = 8;

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// A directory with an `awslocal`, which is removed with the value.
struct Tools {
    dir: PathBuf,
}

impl Tools {
    fn new() -> std::io::Result<Tools> {
        let name = format!("kew-init-{}-{:016x}", std::process::id(), std::hash::RandomState::new().hash_one(()));
        let tools = Tools { dir: std::env::temp_dir().join(name) };
        // Fails if somebody was faster.
        std::fs::create_dir(&tools.dir)?;
        let awslocal = tools.dir.join("awslocal");
        std::fs::write(&awslocal, AWSLOCAL)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&awslocal, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(tools)
    }

    /// The PATH, with the directory before all others.
    fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.dir.clone()).chain(std::env::split_paths(&path));
        std::env::join_paths(dirs).unwrap_or(path)
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
