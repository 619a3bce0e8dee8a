//! Requests that other nodes send: those of their clients, and that something has changed.

use super::answer::{self, Answer, AnswerBody};
use super::context::{ConnectionInfo, RequestContext, text};
use super::elsewhere::not_for_me;
use super::service::Service;
use super::{body, sqs};
use crate::cluster::link::{
    BACK_PATH, BETWEEN_NODES, CLIENT, FROM, GIVE_PATH, LOOK_PATH, PORT, RECEIVED, SECURE, TAKE_PATH, TOKEN, WAITED_MS,
};
use crate::cluster::{Cluster, NodeId};
use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::pin::pin;
use std::str::FromStr;

impl Service {
    /// Answers a request that came by a listener for other nodes. What web pages may do is no question: it has been answered where
    /// the client came in.
    pub(super) async fn answer_peer<B>(&self, request: Request<B>, connection: ConnectionInfo<'_>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut parts, body) = request.into_parts();
        let Some(node) = self.node().filter(|node| is_of_a_node(node, &parts.headers)) else {
            let mut answer = not_for_me(StatusCode::FORBIDDEN);
            if !body.is_end_stream() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return answer;
        };
        match parts.uri.path() {
            LOOK_PATH if parts.method == Method::POST => {
                node.look();
                return done(Ok(()));
            }
            GIVE_PATH if parts.method == Method::POST => {
                return match given(parts.uri.query().unwrap_or_default()) {
                    Some((uid, heir)) => done(node.give(uid, heir).await),
                    None => done(Err("it is not said which queue, or to which node".to_owned())),
                };
            }
            BACK_PATH if parts.method == Method::POST => {
                let handles = text(parts.headers.get(RECEIVED)).unwrap_or_default();
                self.broker().give_back(handles.split(','));
                return done(Ok(()));
            }
            TAKE_PATH if parts.method == Method::POST => {
                return match member(parts.uri.query().unwrap_or_default(), "uid") {
                    Some(uid) => done(node.take(uid).await.map_err(|error| error.to_string())),
                    None => done(Err("it is not said for which queue".to_owned())),
                };
            }
            _ => {}
        }
        let headers = &mut parts.headers;
        let connection = ConnectionInfo {
            peer: read(headers, &CLIENT),
            port: read(headers, &PORT).unwrap_or(connection.port),
            secure: headers.contains_key(SECURE),
            waited_ms: Some(read(headers, &WAITED_MS).unwrap_or(0)),
            ..connection
        };
        for name in BETWEEN_NODES {
            headers.remove(name);
        }
        let context = RequestContext::new(&parts, connection);
        match pin!(body::read(self, &context, body)).await {
            Err(error) => answer::refusal(&context, &error),
            Ok(body) => pin!(sqs::answer(self, &context, body)).await,
        }
    }
}

/// The answer to another node that has asked for something: nothing, or why it was not done.
fn done(outcome: Result<(), String>) -> Answer {
    let (status, why) = match outcome {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(why) => (StatusCode::CONFLICT, why),
    };
    let mut answer = Response::new(AnswerBody::whole(why));
    *answer.status_mut() = status;
    answer
}

/// Which queue is to be given to which node.
fn given(query: &str) -> Option<(u64, NodeId)> {
    Some((member(query, "uid")?, NodeId(member(query, "node")?)))
}

/// What a query string says of that name.
fn member<T: FromStr>(query: &str, wanted: &str) -> Option<T> {
    let mut members = form_urlencoded::parse(query.as_bytes());
    members.find(|(name, _)| name == wanted)?.1.parse().ok()
}

/// Whether a request has the token of a node for this one.
fn is_of_a_node(node: &Cluster, headers: &HeaderMap) -> bool {
    let from = read(headers, &FROM).map(NodeId);
    from.zip(text(headers.get(TOKEN))).is_some_and(|(from, token)| node.link().is_of(from, token))
}

/// What a header says; none if it is not there, or not such a thing.
fn read<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    text(headers.get(name))?.parse().ok()
}
