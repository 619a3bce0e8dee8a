//! The way of a request: the rules for browsers, its route, its body, and what answers it.

use super::answer::{self, Answer, AnswerBody};
use super::context::{ConnectionInfo, RequestContext, text};
use super::origin::{self, Verdict};
use super::routes::{self, Access, Route};
use super::service::Service;
use super::{body, sqs};
use crate::control::Serves;
use crate::error::{Error, ErrorKind};
use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use hyper::header::{self, HeaderValue};
use std::pin::pin;

impl Service {
    /// Answers a request that came by no socket, as if it had come in on a port.
    pub async fn answer<B>(&self, request: Request<B>, port: u16) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let connection = ConnectionInfo {
            peer: None,
            port,
            presence: None,
            served: None,
            identity: self.in_process(),
            secure: false,
            waited_ms: None,
        };
        pin!(self.answer_from(request, connection)).await
    }

    /// Answers a request that came by a connection.
    pub(super) async fn answer_from<B>(&self, request: Request<B>, connection: ConnectionInfo<'_>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let context = RequestContext::new(&parts, connection);
        if context.headers.several_hosts {
            return answer::refusal(&context, &Error::malformed("The request has more than one Host."));
        }
        let route = routes::find(&parts.method, &parts.uri);
        if let (Some(_), Some(served)) = (route, connection.served) {
            served.is_for(Serves::NoSpace);
        }
        let page = match self.admit(&context, route) {
            Ok(page) => page,
            Err(answer) => return answer,
        };
        let mut answer = match pin!(body::read(self, &context, body)).await {
            Err(error) => answer::refusal(&context, &error),
            Ok(body) => match route {
                Some(route) => (route.handler)(self, &context, body).await,
                // Pinned where it is made: to await it by value would move all of it once more.
                None => pin!(sqs::answer(self, &context, body)).await,
            },
        };
        if let Some(origin) = page {
            origin::expose(&mut answer, origin);
        }
        answer
    }

    /// The origin of the web page that a request acts for, if any.
    ///
    /// # Errors
    /// The answer, if the request goes no further.
    #[allow(clippy::result_large_err, reason = "it is the answer, and it is not passed on")]
    fn admit(&self, context: &RequestContext<'_>, route: Option<&Route>) -> Result<Option<HeaderValue>, Answer> {
        let reads = matches!(context.parts.method, hyper::Method::GET | hyper::Method::HEAD);
        if !reads && !context.headers.is_of_browser() {
            return Ok(None);
        }
        let access = route.map_or(Access::Guarded, |route| route.access);
        let origins = match access {
            Access::Control => &self.options().control_origins,
            Access::Open | Access::Guarded => &self.options().origins,
        };
        match origins.judge(self.hosts(), context, access) {
            Verdict::NoPage => Ok(None),
            Verdict::Allowed(origin) => Ok(Some(origin)),
            Verdict::Preflight(answer) => Err(answer),
            Verdict::Refused(why) => {
                let error = Error::new(ErrorKind::AccessDenied, why);
                let mut answer = answer::refusal(context, &error);
                // A person reads it: a browser shows text, and saves what it does not know as a file.
                if text(context.headers.accept).is_some_and(|accept| accept.contains("text/html")) {
                    *answer.body_mut() = AnswerBody::whole(format!("{}\n", error.message));
                    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                }
                answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
                Err(answer)
            }
        }
    }
}
