//! Queue URLs: every shape that clients send, and what a base URL stands for.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

/// The region that a host names, with a port or without: the label after `sqs` or before `queue`, if it looks like a region.
pub fn region_of_host(host: &str) -> Option<&str> {
    let name = host.split(':').next().unwrap_or(host);
    let labels = || name.split('.');
    let mut pairs = labels().zip(labels().skip(1));
    pairs.find_map(|(label, next)| match (label, next) {
        ("sqs" | "sqs-fips", region) if looks_like_region(region) => Some(region),
        (region, "queue") if looks_like_region(region) => Some(region),
        _ => None,
    })
}

/// Lower-case words and a number, as in `us-gov-west-1`. Hosts that merely begin with `sqs` are no regions.
fn looks_like_region(label: &str) -> bool {
    let Some((words, number)) = label.rsplit_once('-') else { return false };
    let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|b| is(&b));
    words.contains('-')
        && words.split('-').all(|word| all(word, u8::is_ascii_lowercase))
        && all(number, u8::is_ascii_digit)
}

/// The region that hosts of the form `{region}.queue.HOST` leave out, as AWS's own do: `queue.amazonaws.com`.
const REGION_LEFT_OUT: &str = "us-east-1";

/// What queue URLs begin with, for one region and account: the external URL may name both in braces.
pub fn fill_in(base_url: &str, region: &str, account: &str) -> String {
    let shorter = base_url.split_once("://{region}.queue.").filter(|_| region == REGION_LEFT_OUT);
    match shorter {
        Some((scheme, host)) => format!("{scheme}://queue.{host}"),
        None => base_url.replace("{region}", region),
    }
    .replace("{account}", account)
}

/// What a queue URL says. Its scheme never matters, and its host only by the region in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueAddress<'a> {
    /// The host with its port, if any.
    pub host: Option<&'a str>,
    /// The digits before the name, if any.
    pub account: Option<&'a str>,
    /// The region of the `/queue/<region>/<account>/<name>` shape.
    pub region: Option<&'a str>,
    /// The last segment of the path, or the whole text if it is a bare name.
    pub name: &'a str,
}

impl<'a> QueueAddress<'a> {
    /// Reads `https://host/account/name`, `/account/name`, `/queue/name`, `/queue/region/account/name` or a bare name.
    pub fn parse(url: &'a str) -> Option<QueueAddress<'a>> {
        // Every request comes through here, and on texts this short `memchr` takes half as long as `str::split`.
        let bytes = url.as_bytes();
        let scheme_end = || memchr_iter(b':', bytes).find(|&at| bytes[at..].starts_with(b"://"));
        let after_scheme = url.strip_prefix("http://").or_else(|| scheme_end().map(|at| &url[at + 3..]));
        let (host, path) = match after_scheme {
            Some(after_scheme) => {
                let (host, path) = after_scheme.split_at(memchr(b'/', after_scheme.as_bytes())?);
                (Some(host), path)
            }
            None => (None, url),
        };
        let path_end = memchr2(b'?', b'#', path.as_bytes()).unwrap_or(path.len());
        let mut segments = segments_from_end(&path[..path_end]);
        let name = segments.next()?;
        let digits = |s: &&str| s.bytes().all(|b| b.is_ascii_digit());
        let account = segments.next().filter(digits);
        let region = account.and(segments.next());
        let region = region.filter(|_| segments.next() == Some("queue"));
        Some(QueueAddress { host, account, region, name })
    }
}

impl<'a> QueueAddress<'a> {
    /// The region that the URL names, or else this one.
    pub fn region_or(self, region: &'a str) -> &'a str {
        self.region.or_else(|| region_of_host(self.host?)).unwrap_or(region)
    }
}

/// What stands between slashes, the last first.
fn segments_from_end(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    let next = move || {
        let path = rest?;
        let slash = memrchr(b'/', path.as_bytes());
        rest = slash.map(|at| &path[..at]);
        Some(slash.map_or(path, |at| &path[at + 1..]))
    };
    std::iter::from_fn(next).filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_queue_url_is_read() {
        let q = |account, region, name| Some(QueueAddress { host: None, account, region, name });
        let table = [
            ("https://sqs.us-east-1.amazonaws.com/2233334/OrderQueue", q(Some("2233334"), None, "OrderQueue")),
            ("http://localhost:9324/000000000000/q.fifo", q(Some("000000000000"), None, "q.fifo")),
            ("https://us-east-2.amazonaws.com/456752665576/q", q(Some("456752665576"), None, "q")),
            ("http://eu-west-1.queue.localhost:4566/000000000000/q", q(Some("000000000000"), None, "q")),
            ("http://localhost:4566/queue/eu-west-1/000000000000/q", q(Some("000000000000"), Some("eu-west-1"), "q")),
            ("http://localhost:4566/queue/q", q(None, None, "q")),
            ("http://localhost:9324/sqs/000000000000/q", q(Some("000000000000"), None, "q")),
            ("/123456789012/q", q(Some("123456789012"), None, "q")),
            ("/123456789012/q/", q(Some("123456789012"), None, "q")),
            ("OrderQueue", q(None, None, "OrderQueue")),
            ("http://whatever-incorrect-queue-address", None),
            ("http://host/", None),
            ("", None),
            ("/", None),
        ];
        for (url, expected) in table {
            let found = QueueAddress::parse(url);
            assert_eq!(found.map(|found| QueueAddress { host: None, ..found }), expected, "{url}");
            let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            assert!(found.is_none_or(|found| found.host == host), "{url}");
        }
    }
}
