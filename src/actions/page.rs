//! One page of a listing, and the token for the next.

use crate::api::limits;
use crate::broker::Queue;
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// One page of a listing. Its token carries where the page before ended and what it was a listing of.
pub(super) struct Page<'a> {
    pub(super) size: usize,
    pub(super) after: Option<String>,
    subject: &'a str,
    asked: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(max_results: Option<i64>, token: Option<&str>, subject: &'a str) -> Result<Page<'a>, Error> {
        let token = token.filter(|token| !token.is_empty());
        // Uncertain: 0 counts as absent.
        let asked = max_results.filter(|n| *n != 0);
        let size = asked.unwrap_or(limits::LIST_PAGE_MAX);
        if !(1..=limits::LIST_PAGE_MAX).contains(&size) {
            return Err(Error::invalid_parameter("MaxResults", "MaxResults must be an integer between 1 and 1000."));
        }
        if token.is_some() && asked.is_none() {
            return Err(Error::invalid("MaxResults is a mandatory parameter when you provide a value for NextToken."));
        }
        let after = token.map(|token| Self::read(token, subject)).transpose()?;
        Ok(Page { size: usize::try_from(size).unwrap_or(1), after, subject, asked: asked.is_some() })
    }

    fn read(token: &str, subject: &str) -> Result<String, Error> {
        let bytes = STANDARD.decode(token).map_err(|_| Error::invalid("Invalid NextToken value."))?;
        let read: Result<(String, String), _> = serde_json::from_slice(&bytes);
        match read {
            Ok((of, after)) if of == subject => Ok(after),
            Ok(_) => Err(Error::invalid(
                "Invalid NextToken value. If you are passing in NextToken, you must not change the other request parameters.",
            )),
            Err(_) => Err(Error::invalid("Invalid NextToken value.")),
        }
    }

    /// Cuts a list that is one too long where there is more, and makes the token for the rest.
    pub(super) fn cut(
        &self,
        mut queues: Vec<Arc<Queue>>,
        name: impl Fn(&Queue) -> &str,
    ) -> (Vec<Arc<Queue>>, Option<String>) {
        let more = queues.len() > self.size;
        queues.truncate(self.size);
        let last = queues.last().filter(|_| more && self.asked);
        let token = last.map(|queue| STANDARD.encode(serde_json::json!([self.subject, name(queue)]).to_string()));
        (queues, token)
    }
}
