//! What browsers may do: the origins whose pages may use the server, and the names by which browsers may reach it.
//!
//! `http/` decides by these lists; what is allowed without them stands there.

use super::SettingError;

/// Origins of web pages that may use the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    all: bool,
    list: Vec<String>,
}

impl Origins {
    /// No page may.
    pub fn none() -> Origins {
        Origins::default()
    }

    /// Reads a list: origins such as `http://localhost:3000`, or `*` for every page. An empty entry is passed over.
    ///
    /// # Errors
    /// When an entry is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Origins, SettingError> {
        let mut origins = Origins::none();
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            let host = entry.split_once("://").map(|(_, host)| host.trim_end_matches('/'));
            match (entry, host) {
                ("*", _) => origins.all = true,
                (_, Some(host)) if !host.is_empty() && !host.contains('/') => {
                    origins.list.push(entry.trim_end_matches('/').to_ascii_lowercase());
                }
                _ => {
                    let text = format!("`{entry}` is not an origin, as in http://localhost:3000, or *");
                    return Err(SettingError::new(text));
                }
            }
        }
        Ok(origins)
    }

    /// Whether every page may.
    pub(crate) fn allows_all(&self) -> bool {
        self.all
    }

    /// Whether pages of an origin may.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.all || self.list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// All that one of the lists allows.
impl FromIterator<Origins> for Origins {
    fn from_iter<I: IntoIterator<Item = Origins>>(lists: I) -> Origins {
        lists.into_iter().fold(Origins::none(), |mut all, one| {
            all.all |= one.all;
            all.list.extend(one.list);
            all
        })
    }
}

/// Names by which browsers may reach the server, beside those that are safe anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// In small letters; `*` at the beginning is one label or more, elsewhere exactly one.
    pub(crate) patterns: Vec<String>,
}

impl Hosts {
    /// No others.
    pub fn none() -> Hosts {
        Hosts::default()
    }

    /// Reads a list of names, such as `kew.example.com`, or `*.kew.example.com` for all below it. An empty entry is passed over.
    ///
    /// # Errors
    /// When an entry is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Hosts, SettingError> {
        let mut hosts = Hosts::none();
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            let name = entry.strip_prefix("*.").unwrap_or(entry);
            let label = |label: &str| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            };
            if !name.split('.').all(label) {
                let text = format!("`{entry}` is not a name, as in kew.example.com or *.example.com");
                return Err(SettingError::new(text));
            }
            hosts.patterns.push(entry.to_ascii_lowercase());
        }
        Ok(hosts)
    }
}

/// All that one of the lists allows.
impl FromIterator<Hosts> for Hosts {
    fn from_iter<I: IntoIterator<Item = Hosts>>(lists: I) -> Hosts {
        Hosts { patterns: lists.into_iter().flat_map(|one| one.patterns).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_origins_is_checked() {
        assert!(Origins::parse(["localhost:3000"]).is_err());
        assert!(Origins::parse(["http://a/b"]).is_err());
        assert!(Origins::parse(["", " http://a "]).is_ok_and(|origins| origins.allows("http://a")));
    }

    #[test]
    fn only_names_are_names() {
        for entry in [
            "*",
            "*.",
            "a.*.b",
            "http://a.example",
            "a.example:9324",
            "a.example/",
            "a b",
            "a..b",
            "b\u{fc}cher.example",
        ] {
            let error = Hosts::parse([entry]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{entry}` is not a name")), "{error}");
        }
    }
}
