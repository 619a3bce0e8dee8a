//! `--init-scripts`: scripts that run at the start, as LocalStack runs them.

use crate::http::{get, json};
use crate::kew::*;
use serde_json::json as value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn script(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// An `aws` that says how it was called.
const AWS: &str = "#!/bin/sh\necho \"aws $*, $AWS_ACCESS_KEY_ID, $AWS_DEFAULT_REGION\" >> \"$SAID\"\n";

#[test]
fn scripts_run_in_order_before_it_says_that_it_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let (ready, said) = (dir.path().join("init/ready.d"), dir.path().join("said"));
    let say = |word: &str| format!("echo {word} >> \"$SAID\"\n");
    script(&ready.join("2.sh"), &format!("#!/bin/sh\n{}exit 3\n", say("two")), 0o755);
    script(&ready.join("1-create.sh"), "#!/bin/sh\nawslocal sqs create-queue --queue-name q\n", 0o755);
    script(&ready.join("3-plain.sh"), &say("three"), 0o755);
    script(&ready.join("4-closed.sh"), &say("four"), 0o644);
    let python = "import os\nprint('five', os.environ['AWS_ENDPOINT_URL'][:16], file=open(os.environ['SAID'], 'a'))\n";
    script(&ready.join("5.py"), python, 0o644);
    script(&ready.join("more/1.sh"), &say("six"), 0o755);
    script(&ready.join("queues.tf"), "", 0o644);
    script(&dir.path().join("init/boot.d/1.sh"), &say("boot"), 0o755);
    script(&dir.path().join("bin/aws"), AWS, 0o755);

    let path = format!("{}:{}", dir.path().join("bin").display(), std::env::var("PATH").unwrap());
    let init = dir.path().join("init");
    let args = ["--port", "0", "--region", "eu-west-1", "--init-scripts", init.to_str().unwrap()];
    let kew = Kew::run(command(&args).env("PATH", path).env("SAID", &said).env("AWS_PROFILE", "other"));
    // `Ready.` has been read by now.
    let port = kew.addresses()[0].port();
    let expected = format!(
        "aws --endpoint-url http://127.0.0.1:{port} sqs create-queue --queue-name q, test, eu-west-1\n\
         two\nthree\nfive http://127.0.0.1\nsix\n"
    );
    assert_eq!(fs::read_to_string(&said).unwrap(), expected);

    let told = kew.ask(get("/_localstack/init/ready")).ok().json();
    let state = |name: &str, state: &str| value!({"stage": "READY", "name": name, "state": state});
    let scripts = value!([
        state("1-create.sh", "SUCCESSFUL"),
        state("2.sh", "ERROR"),
        state("3-plain.sh", "SUCCESSFUL"),
        state("4-closed.sh", "ERROR"),
        state("5.py", "SUCCESSFUL"),
        state("1.sh", "SUCCESSFUL"),
    ]);
    assert_eq!(told, value!({"completed": true, "scripts": scripts}));
    let all = kew.ask(get("/_localstack/init")).ok().json();
    assert_eq!(all["completed"], value!({"BOOT": true, "START": true, "READY": true, "SHUTDOWN": false}));
    assert_eq!(kew.ask(get("/_localstack/init/noon")).status, 404);
    kew.ask(json("ListQueues", "{}")).ok();

    let log = kew.stop().join("\n");
    for line in [
        "1-create.sh: done\n",
        "2.sh: ended with exit code 3\n",
        "4-closed.sh: is not executable; chmod +x ",
        "queues.tf: not run; only .sh and .py are\n",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[test]
fn without_an_aws_command_awslocal_says_so() {
    let dir = tempfile::tempdir().unwrap();
    script(&dir.path().join("a.sh"), "#!/bin/sh\nawslocal sqs list-queues\n", 0o755);
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    // The directory of commands is one of scripts too, without any.
    let args = ["--port", "0", "--init-scripts", dir.path().to_str().unwrap()];
    let log = Kew::run(command(&args).env("PATH", &bin)).stop().join("\n");
    assert!(log.contains("awslocal: the AWS CLI is not there: no aws on the PATH"), "{log}");
    assert!(log.contains("a.sh: ended with exit code 127"), "{log}");
}

#[test]
fn nothing_is_run_unasked_and_a_directory_that_is_not_there_is_refused() {
    let kew = Kew::start(&[]);
    assert_eq!(kew.ask(get("/_localstack/init/ready")).ok().json(), value!({"completed": true, "scripts": []}));
    let ended = refused(&["--init-scripts", "/nowhere/init"]);
    assert!(ended.errors.starts_with("kew: --init-scripts /nowhere/init: cannot be read: "), "{ended:?}");
}

#[test]
fn a_signal_ends_it_while_a_script_runs() {
    let dir = tempfile::tempdir().unwrap();
    script(&dir.path().join("a.sh"), "#!/bin/sh\necho begun >&2\nexec sleep 1000\n", 0o755);
    let args = ["--port", "0", "--init-scripts", dir.path().to_str().unwrap()];
    let kew = Kew::begin(&mut command(&args));
    kew.line_with("begun");
    kew.signal("TERM");
    assert_eq!(kew.end().0.code(), Some(0));
}
