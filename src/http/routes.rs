//! What answers which path. All that no row of the table takes is for SQS, which has no paths of its own: the path of a request
//! to it is that of a queue's URL, or anything.

use super::answer::Answering;
use super::context::RequestContext;
use super::service::Service;
use super::{console, control, devapi, health, metrics};
use bytes::Bytes;
use hyper::{Method, Uri};

/// A row of the table.
pub(super) struct Route {
    methods: &'static [Method],
    /// All of the path; or, with `*` at its end, how it begins.
    path: &'static str,
    /// Whether the row takes requests with a query string too.
    query: bool,
    /// What the rules for browsers need to know.
    pub(super) access: Access,
    pub(super) handler: Handler,
}

/// To whom a route shows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The same to everyone, and it tells nothing: a browser need not say for whom it asks.
    Open,
    /// Something that a foreign web page must not see or do.
    Guarded,
    /// The same, and what is allowed to a page elsewhere is not allowed to it here.
    Control,
}

/// Answers the requests of a route, with their bodies, which were read within the limits.
pub(super) type Handler = for<'a> fn(&'a Service, &'a RequestContext<'a>, Bytes) -> Answering<'a>;

const READ: &[Method] = &[Method::GET, Method::HEAD];
const READ_POST: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];
const ANY: &[Method] =
    &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    // With a query string it is a Query request to SQS.
    Route { methods: READ, path: "/", query: false, access: Access::Open, handler: console::greeting },
    Route { methods: READ, path: "/health", query: true, access: Access::Open, handler: health::health },
    Route { methods: READ, path: "/_localstack/health", query: true, access: Access::Open, handler: health::localstack },
    Route { methods: READ, path: health::INIT_PATH, query: true, access: Access::Guarded, handler: health::init },
    Route { methods: READ, path: "/_localstack/init/*", query: true, access: Access::Guarded, handler: health::init },
    Route { methods: READ, path: "/metrics", query: true, access: Access::Guarded, handler: metrics::answer },
    Route { methods: &[Method::POST], path: "/_localstack/state/reset", query: true, access: Access::Control, handler: control::localstack_reset },
    Route { methods: READ_POST, path: devapi::PATH, query: true, access: Access::Control, handler: devapi::answer },
    Route { methods: READ_POST, path: "/_aws/sqs/messages/*", query: true, access: Access::Control, handler: devapi::answer },
    // Before the rest of /_kew.
    Route { methods: READ, path: "/_kew/ui", query: true, access: Access::Open, handler: console::moved },
    Route { methods: READ, path: "/_kew/ui/*", query: true, access: Access::Open, handler: console::answer },
    Route { methods: ANY, path: "/_kew", query: true, access: Access::Control, handler: control::answer },
    Route { methods: ANY, path: "/_kew/*", query: true, access: Access::Control, handler: control::answer },
];

/// The row that takes a request; none if the request is for SQS.
pub(super) fn find(method: &Method, uri: &Uri) -> Option<&'static Route> {
    // To take it out of the URI takes a search for the query string.
    let path = uri.path();
    // Nearly all requests: no row takes them.
    if path == "/" && method == Method::POST {
        return None;
    }
    ROUTES.iter().find(|route| route.takes(method, path, uri))
}

impl Route {
    fn takes(&self, method: &Method, path: &str, uri: &Uri) -> bool {
        let is_path = match self.path.as_bytes() {
            [beginning @ .., b'*'] => path.as_bytes().starts_with(beginning),
            whole => path.as_bytes() == whole,
        };
        is_path && self.methods.contains(method) && (self.query || uri.query().is_none_or(str::is_empty))
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::fixed;
    use super::super::context::ConnectionInfo;
    use super::super::service::HttpOptions;
    use super::*;
    use crate::broker::{Broker, BrokerOptions};
    use crate::clock::Clock;
    use crate::config::NamespaceMode;
    use crate::control::Control;
    use http_body_util::BodyExt;
    use hyper::Request;

    fn takes(path: &'static str, query: bool, method: Method, uri: &'static str) -> bool {
        let route = Route { methods: READ, path, query, access: Access::Guarded, handler: health::health };
        let uri = Uri::from_static(uri);
        route.takes(&method, uri.path(), &uri)
    }

    #[test]
    fn a_route_takes_its_path_and_its_methods() {
        assert!(takes("/a", true, Method::GET, "/a?x=1") && takes("/a", true, Method::HEAD, "http://h/a"));
        for (method, uri) in [(Method::POST, "/a"), (Method::GET, "/a/"), (Method::GET, "/A"), (Method::GET, "/")] {
            assert!(!takes("/a", true, method, uri), "{uri}");
        }
    }

    #[test]
    fn no_row_takes_what_most_clients_send() {
        let uri = Uri::from_static("/");
        assert!(find(&Method::POST, &uri).is_none() && !ROUTES.iter().any(|row| row.takes(&Method::POST, "/", &uri)));
    }

    #[test]
    fn a_route_may_refuse_query_strings() {
        assert!(takes("/", false, Method::GET, "/") && takes("/", false, Method::GET, "/?"));
        assert!(!takes("/", false, Method::GET, "/?Action=ListQueues"));
    }

    #[test]
    fn a_route_may_take_all_paths_that_begin_alike() {
        assert!(takes("/_kew/*", true, Method::GET, "/_kew/clock") && takes("/_kew/*", true, Method::GET, "/_kew/"));
        assert!(!takes("/_kew/*", true, Method::GET, "/_kew") && !takes("/_kew/*", true, Method::GET, "/x/_kew/"));
    }

    /// A handler of a room that waits for something.
    fn echo<'a>(service: &'a Service, context: &'a RequestContext<'a>, body: Bytes) -> Answering<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            assert_eq!(service.options().account, "000000000000");
            let mut answer = fixed("text/plain", "");
            *answer.body_mut() = super::super::answer::AnswerBody::whole(body);
            answer.headers_mut().extend(context.parts.headers.clone());
            answer
        })
    }

    #[tokio::test]
    async fn a_handler_has_the_head_and_the_body_and_may_wait() {
        let route =
            Route { methods: &[Method::POST], path: "/echo", query: true, access: Access::Guarded, handler: echo };
        let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
        let broker = Broker::new(options, Clock::manual());
        let service = Service::new(Control::of_broker(broker), HttpOptions::default());
        let request = Request::post("/echo").header("x-mine", "1").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        assert!(route.takes(&parts.method, parts.uri.path(), &parts.uri));
        let connection = ConnectionInfo {
            peer: None,
            port: 1,
            presence: None,
            served: None,
            identity: service.in_process(),
            secure: false,
            waited_ms: None,
        };
        let context = RequestContext::new(&parts, connection);
        let answer = (route.handler)(&service, &context, Bytes::from_static(b"body")).await;
        assert_eq!(answer.headers()["x-mine"], "1");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
    }

    #[test]
    fn what_no_row_takes_is_for_sqs() {
        for uri in ["/000000000000/q", "/?Action=ListQueues", "/nowhere"] {
            assert!(find(&Method::GET, &Uri::from_static(uri)).is_none(), "{uri}");
        }
        assert!(find(&Method::POST, &Uri::from_static("/")).is_none());
        assert!(find(&Method::GET, &Uri::from_static("/health")).is_some());
    }
}
