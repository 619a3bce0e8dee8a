//! `GET /_kew`: what this is, and what it can do.

use super::namespaces::variables;
use super::{Answering, Endpoint, endpoints};
use crate::api::fill_in;
use crate::control::access::Access;
use crate::control::call::{Call, Method, Reply};
use crate::control::duration::shown;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) const ENDPOINTS: &[Endpoint] =
    &[Endpoint { method: Method::Get, path: "", summary: "Version, seed and endpoints", handler: about }];

/// An endpoint without members takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn about(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let now = call.space.broker().clock().now();
        let rows = endpoints().map(
            |row| json!({"method": row.method.name(), "path": format!("/_kew{}", row.path), "summary": row.summary}),
        );
        let mut text = format!("kew {}, seed {}\n\n", env!("CARGO_PKG_VERSION"), call.space.seed);
        for row in endpoints() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:<7} /_kew{:<34} {}", row.method.name(), row.path, row.summary);
        }
        let endpoint = fill_in(call.incoming.base_url, &call.space.region, &call.space.account);
        let about = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "seed": call.space.seed,
            "account": call.space.account,
            "endpoint": endpoint,
            // Any access key that is no account of its own is for this space.
            "env": BTreeMap::from(variables(&endpoint, "test", &call.space.region)),
            "now": shown(now),
            "nowMs": now.as_ms(),
            "token": matches!(call.control.access(), Access::Token(_)),
            "endpoints": rows.collect::<Vec<_>>(),
        });
        Ok(Reply::json(about).with_text(text))
    })
}
