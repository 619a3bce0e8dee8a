//! Starts that are refused: one sentence that says what to do, exit code 1, no password in it, and nothing changed in the database.

use crate::kew::{Ended, Kew, command, finish};
use crate::server::{ADMIN, Options, Postgres, free_port, sql_at};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// In every URL of these tests; it may be in no text.
const PASSWORD: &str = "s3cret%2Fword";
/// As it is said to the database.
const PASSWORD_TEXT: &str = "s3cret/word";

/// Runs `kew` on a database that it must refuse; what it said last.
fn refused(url: &str, args: &[&str]) -> String {
    let ended = finish(command(&[&["--listen", "127.0.0.1:0", "--data", url], args].concat()).env("HOME", "/nowhere"));
    assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
    last_line(&ended)
}

fn last_line(ended: &Ended) -> String {
    assert!(!ended.errors.contains("s3cret"), "{}", ended.errors);
    ended.errors.lines().last().unwrap_or_default().to_owned()
}

#[track_caller]
fn assert_says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

#[test]
fn a_wrong_url_is_refused_without_being_shown() {
    for (url, what) in [
        ("postgres://", "names no host"),
        ("postgres://kew:s3cret@db", "names no database"),
        ("postgres://kew:s3cret@db:port/kew", "port"),
        ("postgresql://kew:s3cret/s3cret@db/kew", "%2F"),
        ("mysql://kew:s3cret@db/kew", "PostgreSQL"),
    ] {
        let by_flag = finish(&mut command(&["--data", url]));
        assert_eq!((by_flag.code, &*by_flag.out), (Some(2), ""), "{by_flag:?}");
        let by_variable = finish(command(&[]).env("KEW_DATA", url));
        assert_eq!((by_variable.code, &*by_variable.out), (Some(2), ""), "{by_variable:?}");
        let file = crate::kew::File::new("wrong-url", &format!("data = \"{url}\""));
        let by_file = finish(&mut command(&["--config", file.path()]));
        assert_eq!((by_file.code, &*by_file.out), (Some(1), ""), "{by_file:?}");
        for ended in [by_flag, by_variable, by_file] {
            assert_says(&ended.errors, &[what]);
            assert!(!ended.errors.contains("s3cret"), "{}", ended.errors);
        }
    }
    let twice = finish(&mut command(&["--data", "postgres://a:s3cret@h/d", "--data", "postgres://b:s3cret@h/d"]));
    assert_eq!(twice.code, Some(2), "{twice:?}");
    assert!(twice.errors.contains("multiple times") && !twice.errors.contains("s3cret"), "{twice:?}");
    let help = finish(command(&["--help"]).env("KEW_DATA", "postgres://a:s3cret@h/d"));
    assert!(help.out.contains("KEW_DATA") && !help.out.contains("s3cret"));
}

#[test]
fn what_says_something_of_a_database_needs_one() {
    for flag in ["--require-replica", "--database-is-replicated"] {
        let ended = finish(&mut command(&["--listen", "127.0.0.1:0", flag]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_says(&ended.errors, &["postgres://"]);
    }
    for (subcommand, instead) in [("backup", "pg_dump"), ("check", "pg_amcheck"), ("salvage", "pg_restore")] {
        let mut args = vec![subcommand, "--data", "postgres://kew:s3cret@db/kew"];
        if subcommand != "check" {
            args.extend(["--to", "/nowhere/at/all"]);
        }
        let ended = finish(&mut command(&args));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_says(&last_line(&ended), &["no data directory", instead, "kew:***@db"]);
    }
}

#[test]
fn a_server_that_is_not_there_is_refused() {
    let port = free_port();
    let line = refused(&format!("postgres://kew:{PASSWORD}@127.0.0.1:{port}/kew"), &[]);
    assert_says(&line, &[&format!("127.0.0.1:{port}/kew"), "check that the database runs"]);
    let line = refused(&format!("postgres://kew:{PASSWORD}@no-such-host.invalid/kew"), &[]);
    assert_says(&line, &["no-such-host.invalid", "its address"]);
}

/// Everything kew may have made in a database.
fn made(url: &str) -> Vec<String> {
    let sql = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('kew')
               UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'kew'";
    sql_at(url, sql).unwrap()
}

#[test]
fn who_is_not_let_in_is_refused() {
    let options = Options { password: Some(PASSWORD_TEXT.to_owned()), ..Options::default() };
    let Some(postgres) = Postgres::start_with(options) else { return };
    let place = format!("127.0.0.1:{}", postgres.port());
    for wrong in ["", ":s3cret-but-wrong"] {
        let line = refused(&format!("postgres://{ADMIN}{wrong}@{place}/postgres"), &[]);
        assert_says(&line, &[&place, "check user and password"]);
    }
    let url = format!("postgres://{ADMIN}:{PASSWORD}@{place}");
    let line = refused(&format!("{url}/missing"), &[]);
    assert_says(&line, &["\"missing\" does not exist", "createdb"]);
    assert_eq!(made(&format!("{url}/postgres")), ["0", "0"]);

    // The right password is taken from wherever it stands, and is seen nowhere.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passwords");
    crate::server::write_private(&file, &format!("127.0.0.1:*:*:{ADMIN}:{PASSWORD_TEXT}\n"));
    let (without, file) = (format!("postgres://{ADMIN}@{place}/postgres"), file.to_str().unwrap());
    for (url, variables) in [
        (format!("{url}/postgres"), vec![]),
        (without.clone(), vec![("PGPASSWORD", PASSWORD_TEXT)]),
        (without, vec![("PGPASSFILE", file)]),
    ] {
        let kew = Kew::start_with(&["--data", &url, "--log", "trace"], &variables);
        let mut seen = kew.greeting.clone();
        for page in ["/_kew", "/_kew/about", "/_kew/settings", "/metrics", "/health", "/"] {
            seen.push_str(kew.ask(crate::http::get(page)).text());
        }
        seen.push_str(&kew.stop().join("\n"));
        assert!(seen.contains(&place), "the log names the database");
        assert!(!seen.contains("s3cret"), "{seen}");
    }
}

#[test]
fn a_database_that_kew_cannot_use_is_refused_and_stays_as_it_is() {
    let Some(postgres) = Postgres::start() else { return };
    let url = |database: &str| postgres.url(database);

    postgres.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    assert_says(&refused(&url("latin"), &[]), &["LATIN1", "UTF8", "createdb"]);
    assert_eq!(made(&url("latin")), ["0", "0"]);

    // A role that may not make the schema, and one that may not use it.
    let database = postgres.database();
    postgres.sql("postgres", "CREATE ROLE poor LOGIN");
    let poor = url(&database).replace(&format!("//{ADMIN}@"), "//poor@");
    assert_says(&refused(&poor, &[]), &["permission denied", "GRANT CREATE ON DATABASE"]);
    assert_eq!(made(&url(&database)), ["0", "0"]);
    Kew::start(&["--data", &url(&database)]).stop();
    let before = made(&url(&database));
    assert_says(&refused(&poor, &[]), &["permission denied", "all rights in the schema kew"]);

    // Somebody who separates accounts and regions, and somebody who does not.
    assert_says(&refused(&url(&database), &["--namespace", "aws"]), &["--namespace merged"]);
    // A schema of a newer kew; one that is not kew's.
    postgres.sql(&database, "UPDATE kew.meta SET schema = 99");
    assert_says(&refused(&url(&database), &[]), &["newer kew", "99"]);
    assert_eq!(made(&url(&database)), before);
    let foreign = postgres.database();
    postgres.sql(&foreign, "CREATE SCHEMA kew; CREATE TABLE kew.meta (name text)");
    assert_says(&refused(&url(&foreign), &[]), &["cannot be used"]);
    assert_eq!(made(&url(&foreign)), ["1", "1"]);

    // No stand-by follows.
    let alone = postgres.database();
    assert_says(&refused(&url(&alone), &["--require-replica"]), &["--require-replica", "synchronous_standby_names"]);
    assert_eq!(made(&url(&alone)), ["0", "0"]);
    Kew::start(&["--data", &url(&alone), "--require-replica", "--database-is-replicated"]).stop();
}

#[test]
fn a_standby_server_is_refused_and_a_primary_with_one_is_taken() {
    let options = Options { settings: vec!["fsync=on".to_owned()], ..Options::default() };
    let Some(postgres) = Postgres::start_with(options) else { return };
    if !postgres.has("pg_basebackup") {
        return;
    }
    let database = postgres.database();
    let standby = postgres.standby();
    let line = refused(&standby.url(&database), &[]);
    assert_says(&line, &["stand-by"]);
    assert_eq!(made(&postgres.url(&database)), ["0", "0"]);
    let kew = Kew::start(&["--data", &postgres.url(&database), "--require-replica"]);
    assert_says(&kew.stop().join("\n"), &["survives the loss of the database's machine"]);
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    let port = old_server();
    let line = refused(&format!("postgres://kew:{PASSWORD}@127.0.0.1:{port}/kew?sslmode=disable"), &[]);
    assert_says(&line, &["PostgreSQL is 13.2", "15 or newer"]);
}

/// A message of the protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// Speaks as PostgreSQL 13.2 does when kew looks at it.
fn old_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || drop(speak(stream)));
        }
    });
    port
}

/// Types of the columns that kew asks for, and values in their binary form.
const COLUMNS: [(u32, &[u8]); 8] = [
    (23, &130_002_u32.to_be_bytes()),
    (25, b"13.2"),
    (19, b"UTF8"),
    (16, b"\x01"),
    (16, b"\x01"),
    (25, b"on"),
    (25, b""),
    (16, b"\0"),
];

fn speak(mut stream: TcpStream) -> std::io::Result<()> {
    let read = |bytes: &mut [u8]| (&stream).read_exact(bytes);
    let mut word = [0; 4];
    read(&mut word)?;
    read(&mut vec![0; u32::from_be_bytes(word) as usize - 4])?;
    let ready = message(b'Z', b"I");
    let version = message(b'S', b"server_version\x0013.2\0");
    stream.write_all(&[message(b'R', &[0; 4]), version, ready.clone()].concat())?;
    loop {
        let mut head = [0; 5];
        (&stream).read_exact(&mut head)?;
        let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        (&stream).read_exact(&mut body)?;
        let columns = u16::try_from(COLUMNS.len()).unwrap().to_be_bytes();
        let answer = match head[0] {
            b'Q' if body.starts_with(b"SHOW") => {
                let described = [&1_u16.to_be_bytes()[..], b"x\0", &[0; 6], &25_u32.to_be_bytes(), &[255; 6], &[0; 2]];
                let row = [&1_u16.to_be_bytes()[..], &3_u32.to_be_bytes(), b"off"].concat();
                [message(b'T', &described.concat()), message(b'D', &row), message(b'C', b"SHOW\0"), ready.clone()]
                    .concat()
            }
            b'Q' => [message(b'C', b"SET\0"), ready.clone()].concat(),
            b'P' => message(b'1', b""),
            b'D' => {
                let column = |(kind, _): &(u32, &[u8])| {
                    [&b"x\0"[..], &[0; 6], &kind.to_be_bytes(), &[255; 6], &1_u16.to_be_bytes()].concat()
                };
                let described = [columns.to_vec(), COLUMNS.iter().flat_map(column).collect()].concat();
                [message(b't', &[0, 0]), message(b'T', &described)].concat()
            }
            b'B' => message(b'2', b""),
            b'E' => {
                let value = |(_, value): &(u32, &[u8])| {
                    [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
                };
                let row = [columns.to_vec(), COLUMNS.iter().flat_map(value).collect()].concat();
                [message(b'D', &row), message(b'C', b"SELECT 1\0")].concat()
            }
            b'S' => ready.clone(),
            b'C' => message(b'3', b""),
            _ => return Ok(()),
        };
        stream.write_all(&answer)?;
    }
}
