//! The URL of a database: what libpq takes, as far as tokio-postgres and rustls go.

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::store::StoreError;

/// A server whose packets do not come back for so long is given up, unless the URL says otherwise.
const SILENCE: Duration = Duration::from_secs(10);

/// After so long without a word the system asks whether a server is still there, unless the URL says otherwise.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How far a server's certificate is looked at; `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// Not at all.
    Nothing,
    /// It is signed by an authority that is trusted.
    Authority,
    /// And it is for the name in the URL.
    Name,
}

/// The files of TLS, as libpq calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// `sslrootcert`; `system` means those of the system.
    pub root: Option<PathBuf>,
    /// `sslcert`.
    pub certificate: Option<PathBuf>,
    /// `sslkey`.
    pub key: Option<PathBuf>,
}

/// What a URL says.
#[derive(Clone)]
pub(super) struct Address {
    pub config: tokio_postgres::Config,
    /// The same for each of its servers by itself, if there are several.
    pub servers: Vec<tokio_postgres::Config>,
    pub verify: Verify,
    pub files: Files,
    /// The URL without user and password, for texts.
    pub place: String,
}

impl Address {
    /// Reads a URL. What it leaves out is taken from `PGUSER` and `PGPASSWORD`.
    pub(super) fn parse(url: &str) -> Result<Address, StoreError> {
        Address::read(url).map_err(|detail| StoreError::Unusable {
            place: "the database".into(),
            detail: format!("its URL is not understood: {detail}"),
            cure: "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with % and two digits for special characters"
                .into(),
        })
    }

    fn read(url: &str) -> Result<Address, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut rest = String::from(base);
        let (mut mode, mut files) = (None, Files::default());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` has no value"))?;
            let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("{name} is no text"))?;
            match name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => files.root = Some(value.as_ref().into()),
                "sslcert" => files.certificate = Some(value.as_ref().into()),
                "sslkey" => files.key = Some(value.as_ref().into()),
                // That kew writes is known to all.
                "target_session_attrs" => {}
                _ => {
                    let _ = write!(rest, "{}{pair}", if rest.contains('?') { '&' } else { '?' });
                }
            }
        }
        let (ssl_mode, verify) = tls(mode.as_deref(), files.root.is_some())?;
        let config = |url: &str| {
            let mut config = tokio_postgres::Config::from_str(url).map_err(|error| super::errors::chain(&error))?;
            config.ssl_mode(ssl_mode).target_session_attrs(TargetSessionAttrs::ReadWrite);
            fill_in(&mut config, url);
            Ok::<_, String>(config)
        };
        let whole = config(&rest)?;
        let servers = servers(&rest).iter().map(|url| config(url)).collect::<Result<_, _>>()?;
        Ok(Address { place: place(&whole), config: whole, servers, verify, files })
    }

    /// Whether there may be TLS at all: there is none on the sockets of a machine.
    pub(super) fn may_use_tls(&self) -> bool {
        let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
        self.config.get_ssl_mode() != SslMode::Disable && self.config.get_hosts().iter().any(is_tcp)
    }
}

/// A URL for each of the servers that a URL names, if there are several; those whose addresses follow as a parameter stay together.
fn servers(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !url.contains("hostaddr=")) else { return Vec::new() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let user = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, hosts) = authority.split_at(user);
    if !hosts.contains(',') {
        return Vec::new();
    }
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

/// What `sslmode` means. With an authority in hand `require` looks at the certificate, as libpq does.
fn tls(mode: Option<&str>, has_root: bool) -> Result<(SslMode, Verify), String> {
    Ok(match mode.unwrap_or("prefer") {
        "disable" => (SslMode::Disable, Verify::Nothing),
        "allow" | "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" if !has_root => (SslMode::Require, Verify::Nothing),
        "require" | "verify-ca" => (SslMode::Require, Verify::Authority),
        "verify-full" => (SslMode::Require, Verify::Name),
        other => return Err(format!("sslmode={other}: it is disable, prefer, require, verify-ca or verify-full")),
    })
}

/// What the URL leaves out.
fn fill_in(config: &mut tokio_postgres::Config, url: &str) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_user().is_none()
        && let Ok(user) = env::var("PGUSER")
    {
        config.user(user);
    }
    if config.get_password().is_none()
        && let Ok(password) = env::var("PGPASSWORD")
    {
        config.password(password);
    }
    if !url.contains("tcp_user_timeout=") {
        config.tcp_user_timeout(SILENCE);
    }
    if !url.contains("keepalives_idle=") {
        config.keepalives_idle(KEEPALIVE);
    }
}

/// The URL without what is secret or of no interest.
fn place(config: &tokio_postgres::Config) -> String {
    let mut hosts = String::new();
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let comma = if index == 0 { "" } else { "," };
        let _ = match host {
            Host::Tcp(name) => write!(hosts, "{comma}{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(dir) => write!(hosts, "{comma}{}:{port}", dir.display()),
        };
    }
    if hosts.is_empty() {
        let addresses: Vec<String> = config.get_hostaddrs().iter().map(ToString::to_string).collect();
        hosts = addresses.join(",");
    }
    format!("postgres://{hosts}/{}", config.get_dbname().or(config.get_user()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_without_its_password() {
        let address = Address::parse("postgres://kew:se%40cret@db1:5433,db2/orders?sslmode=disable").unwrap();
        assert_eq!(address.place, "postgres://db1:5433,db2:5432/orders");
        assert_eq!(address.config.get_password(), Some(&b"se@cret"[..]));
        assert!(!address.may_use_tls());
        assert_eq!(
            Address::parse("postgres://kew@/orders?host=/run/pg").unwrap().place,
            "postgres:///run/pg:5432/orders"
        );
        assert_eq!(Address::parse("postgresql://me@10.0.0.1").unwrap().place, "postgres://10.0.0.1:5432/me");
    }

    #[test]
    fn several_servers_are_one_by_one_what_they_are_together() {
        let places = |url: &str| {
            let address = Address::parse(url).unwrap();
            address.servers.iter().map(place).collect::<Vec<_>>()
        };
        let address =
            Address::parse("postgres://kew:a%2Fb%40c@db1:5433,[::1],db3/orders?sslmode=disable&connect_timeout=3");
        let address = address.unwrap();
        let each: Vec<String> = address.servers.iter().map(place).collect();
        assert_eq!(each, ["postgres://db1:5433/orders", "postgres://::1:5432/orders", "postgres://db3:5432/orders"]);
        for server in &address.servers {
            assert_eq!((server.get_user(), server.get_password()), (Some("kew"), Some(&b"a/b@c"[..])));
            assert_eq!(server.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
            assert_eq!(
                (server.get_ssl_mode(), server.get_connect_timeout()),
                (SslMode::Disable, Some(&Duration::from_secs(3)))
            );
        }
        assert_eq!(places("postgres://me@db1,db2"), ["postgres://db1:5432/me", "postgres://db2:5432/me"]);
        for one in [
            "postgres://kew@db/kew?options=-c%20a=b,c",
            "postgres://me@/orders?host=/run/pg",
            "postgres://a,b/c?hostaddr=10.0.0.1,10.0.0.2",
        ] {
            assert_eq!(places(one), Vec::<String>::new(), "{one}");
        }
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let verify = |query: &str| {
            let address = Address::parse(&format!("postgres://kew@db/kew?{query}")).unwrap();
            (address.config.get_ssl_mode(), address.verify)
        };
        assert_eq!(verify(""), (SslMode::Prefer, Verify::Nothing));
        assert_eq!(verify("sslmode=require"), (SslMode::Require, Verify::Nothing));
        assert_eq!(verify("sslmode=require&sslrootcert=/ca%20of%20ours.pem"), (SslMode::Require, Verify::Authority));
        assert_eq!(verify("sslmode=verify-full&connect_timeout=3"), (SslMode::Require, Verify::Name));
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_its_password() {
        for wrong in [
            "postgres://kew:secret@db/kew?sslmode=maybe",
            "postgres://kew:secret@db/kew?colour=red",
            "postgres://kew:secret@db:port/kew",
            "postgres://kew:secret@db/kew?sslmode",
        ] {
            let Err(error) = Address::parse(wrong) else { panic!("{wrong} was taken") };
            let text = error.to_string();
            assert!(text.contains("URL") && !text.contains("secret"), "{text}");
        }
    }
}
