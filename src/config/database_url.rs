//! The URL of a PostgreSQL database, which is shown without its password, and the other places that passwords are known to.

use super::SettingError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What URLs of PostgreSQL begin with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What is shown in place of a password.
const HIDDEN: &str = "***";
/// What stands in a URL as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL of a database: `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?PARAMETERS]`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Whether a text is meant as one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
    }

    /// All of it, the password among it: for nobody but the database.
    #[must_use]
    pub fn with_its_password(&self) -> &str {
        &self.0
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> String {
        decoded(Parts::of(&self.0).database)
    }

    /// The same with the password that is known for it elsewhere, as PostgreSQL's own programs know it: in `PGPASSWORD`, else in the
    /// file that `PGPASSFILE` names, else in `~/.pgpass`. One that stands in the URL stays.
    ///
    /// # Errors
    /// If others may read the file, which PostgreSQL's own programs do not use then either.
    pub fn with_known_password(self, variable: impl Fn(&str) -> Option<String>) -> Result<DatabaseUrl, SettingError> {
        let parts = Parts::of(&self.0);
        if parts.password.is_some() || parameter(parts.parameters, "password").is_some() {
            return Ok(self);
        }
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let password = match variable("PGPASSWORD") {
            Some(password) => Some(password),
            None => {
                let home = variable("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
                let file = variable("PGPASSFILE").map(PathBuf::from).or(home);
                file.map(|file| passwords(&file)).transpose()?.and_then(|text| parts.password_in(&text))
            }
        };
        let Some(password) = password else { return Ok(self) };
        let password = utf8_percent_encode(&password, ESCAPED);
        let (user, rest) = (parts.user.unwrap_or_default(), parts.after_user);
        Ok(DatabaseUrl(format!("{}{user}:{password}@{rest}", parts.scheme)))
    }
}

impl FromStr for DatabaseUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<DatabaseUrl, SettingError> {
        // The text itself is in no answer: it may have a password in it.
        let wrong = |what: &str| {
            Err(SettingError::new(format!(
                "{what}; a URL of PostgreSQL is postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            )))
        };
        if !DatabaseUrl::is_meant(text) {
            return wrong("it does not begin with postgres://");
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return wrong("it has a blank in it, which is written %20");
        }
        let parts = Parts::of(text);
        if parts.hosts.is_empty() && parameter(parts.parameters, "host").is_none() {
            return wrong("it names no host");
        }
        if parts.hosts.contains(['@', '/', '#']) || parts.database.contains(['/', '#', '@']) {
            return wrong(
                "it has a sign in it that parts others, such as @, / or #, which inside of a password is written %40, %2F or %23",
            );
        }
        for host in parts.hosts.split(',') {
            let port = if host.ends_with(']') { None } else { host.rsplit_once(':').map(|(_, port)| port) };
            if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
                return wrong("its port is not a number from 1 to 65535");
            }
        }
        if parts.database.is_empty() {
            return wrong("it names no database");
        }
        let mut escapes =
            text.match_indices('%').map(|(at, _)| text.as_bytes().get(at + 1..at + 3).unwrap_or_default());
        if escapes.any(|digits| digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit)) {
            return wrong("it has a % that no two hexadecimal digits follow; % itself is written %25");
        }
        Ok(DatabaseUrl(text.to_owned()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that may be a URL, right or wrong, with nothing in it that may be a password.
#[must_use]
pub fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    // In a wrong URL the password may contain what should end it: the last @ counts.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let user = match user.map(|user| user.split_once(':')) {
        Some(Some((name, _))) => format!("{name}:{HIDDEN}@"),
        Some(None) => format!("{}@", user.unwrap_or_default()),
        None => String::new(),
    };
    let rest = match rest.split_once('?') {
        Some((place, parameters)) => {
            let shown = parameters.split('&').map(|parameter| match parameter.split_once('=') {
                Some((name, _)) if decoded(name).to_ascii_lowercase().contains("password") => {
                    format!("{name}={HIDDEN}")
                }
                _ => parameter.to_owned(),
            });
            format!("{place}?{}", shown.collect::<Vec<_>>().join("&"))
        }
        None => rest.to_owned(),
    };
    format!("{scheme}://{user}{rest}")
}

/// The parts of a URL, as they are written in it.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    /// Everything behind the user: hosts, database, parameters.
    after_user: &'a str,
    hosts: &'a str,
    database: &'a str,
    parameters: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Parts<'a> {
        let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
        // As PostgreSQL reads it: the first of these ends the part that may hold a user.
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (user, after_user) = match rest[..authority_end].rfind('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let (user, password) = match user.and_then(|user| user.split_once(':')) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (user, None),
        };
        let (place, parameters) = after_user.split_once('?').unwrap_or((after_user, ""));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        Parts { scheme, user, password, after_user, hosts, database, parameters }
    }

    /// The password of the first line of a `.pgpass` that fits.
    fn password_in(&self, passwords: &str) -> Option<String> {
        let host = self.hosts.split(',').next().unwrap_or_default();
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port),
            _ => (host, "5432"),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let wanted = [decoded(host), port.to_owned(), decoded(self.database), decoded(self.user.unwrap_or_default())];
        passwords.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let fields: [String; 5] = fields(line).try_into().ok()?;
            let fits = wanted.iter().zip(&fields).all(|(wanted, field)| field == "*" || field == wanted);
            fits.then(|| fields[4].clone())
        })
    }
}

/// The fields of a line of a `.pgpass`, in which a colon or backslash has a backslash before it.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => fields.last_mut().expect("one").extend(signs.next()),
            // What follows the fourth colon is the password, whatever is in it.
            ':' if fields.len() < 5 => fields.push(String::new()),
            sign => fields.last_mut().expect("one").push(sign),
        }
    }
    fields
}

/// The text of a file of passwords; nothing if there is none.
fn passwords(file: &Path) -> Result<String, SettingError> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(String::new()) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file).map_or(0, |data| data.permissions().mode());
        if mode & 0o077 != 0 {
            let text = format!("others may read the passwords in {0}; chmod 600 {0}", file.display());
            return Err(SettingError::new(text));
        }
    }
    Ok(text)
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let pairs = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
    pairs.filter(|(found, value)| decoded(found) == name && !value.is_empty()).map(|(_, value)| value).next()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for (url, what) in [
            ("mysql://u:secret@h/d", "does not begin with"),
            ("postgres://", "names no host"),
            ("postgres:///d", "names no host"),
            ("postgres://u:secret@/d", "names no host"),
            ("postgres://u:secret@h", "names no database"),
            ("postgres://u:secret@h/", "names no database"),
            ("postgres://u:secret@h:0/d", "port"),
            ("postgres://u:secret@h:65536/d", "port"),
            ("postgres://u:secret@h:x/d", "port"),
            ("postgres://u:secret@h,i:y/d", "port"),
            ("postgres://u:secret/secret@h/d", "parts others"),
            ("postgres://u:secret#@h/secret@d", "parts others"),
            ("postgres://u:secret@h/d/e", "parts others"),
            ("postgres://u:sec ret@h/d", "blank"),
            ("postgres://u:secret%@h/d", "%25"),
            ("postgres://u:secret%2@h/d", "%25"),
            ("postgres://u:secret%zz@h/d", "%25"),
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains(what) && !error.contains("secret"), "{url}: {error}");
            assert!(!without_password(url).contains("secret@"), "{url}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown, database) in [
            ("postgres://h/d", "postgres://h/d", "d"),
            ("postgresql://u@h:5433/a%20b", "postgresql://u@h:5433/a%20b", "a b"),
            ("POSTGRES://u:p@h,i:5433/d?sslmode=require", "POSTGRES://u:***@h,i:5433/d?sslmode=require", "d"),
            ("postgres://u:@h/d?password=p&a=b", "postgres://u:***@h/d?password=***&a=b", "d"),
            ("postgres://u@[::1]:5432/d?sslpassword=p", "postgres://u@[::1]:5432/d?sslpassword=***", "d"),
            ("postgres:///d?host=/run/postgresql", "postgres:///d?host=/run/postgresql", "d"),
        ] {
            let read: DatabaseUrl = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!((read.to_string(), format!("{read:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!((read.with_its_password(), read.database()), (url, database.to_owned()));
        }
        assert_eq!(without_password("postgres://u:a@b@h/d"), "postgres://u:***@h/d", "a wrong one");
        assert_eq!(without_password("/var/lib/kew"), "/var/lib/kew");
    }

    #[test]
    fn passwords_are_found_where_programs_of_postgresql_look() {
        let dir = std::env::temp_dir().join(format!("kew-passwords-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(".pgpass");
        let text = "# h:5432:d:u:no\nnonsense\nh:5433:d:u:other port\nh:5432:d:u:a\\:b\\\\c:d\n*:*:*:u:any\n";
        std::fs::write(&file, text).unwrap();
        let found = |url: &str, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let known = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
                known.or_else(|| (name == "HOME").then(|| dir.to_str().unwrap().to_owned()))
            };
            let url: DatabaseUrl = url.parse().unwrap();
            url.with_known_password(variable).map(|url| url.0).map_err(|error| error.to_string())
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            mode(0o644);
            assert!(found("postgres://u@h/d", &[]).unwrap_err().contains("chmod 600"));
            mode(0o600);
        }
        assert_eq!(found("postgres://u@h/d", &[]).unwrap(), "postgres://u:a%3Ab%5Cc%3Ad@h/d");
        assert_eq!(found("postgres://u@h:5433/d?a=b", &[]).unwrap(), "postgres://u:other%20port@h:5433/d?a=b");
        assert_eq!(found("postgres://u@[::1]:7/x", &[]).unwrap(), "postgres://u:any@[::1]:7/x");
        assert_eq!(found("postgres://v@h/d", &[]).unwrap(), "postgres://v@h/d");
        let said = [("PGPASSWORD", "x/y"), ("PGPASSFILE", "/nowhere")];
        assert_eq!(found("postgres://u@h/d", &said).unwrap(), "postgres://u:x%2Fy@h/d");
        assert_eq!(found("postgres://u:own@h/d", &said).unwrap(), "postgres://u:own@h/d");
        assert_eq!(found("postgres://u@h/d?password=own", &said).unwrap(), "postgres://u@h/d?password=own");
        assert_eq!(found("postgres://u@h/d", &said[1..]).unwrap(), "postgres://u@h/d");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
