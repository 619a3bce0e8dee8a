//! Actions that ask policies, without a socket: callers are who a test says they are.

use kew::internals::actions::{Actions, Caller, Origin};
use kew::internals::api::{Operation, Request, Response};
use kew::internals::auth::policy::{Enforcement, Kind, Mode, Policy};
use kew::internals::auth::{Identity, Principal};
use kew::internals::broker::{Broker, BrokerOptions, By};
use kew::internals::clock::Clock;
use kew::internals::config::NamespaceMode;
use kew::internals::error::{Error, ErrorKind};
pub use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

pub const OWN: &str = "111111111111";
pub const OTHER: &str = "222222222222";

/// Who asks, and from where.
#[derive(Clone)]
pub struct Who {
    identity: Identity,
    account: String,
    pub source_ip: Option<IpAddr>,
    pub secure: bool,
    pub user_agent: Option<&'static str>,
}

impl Who {
    /// A user with these policies.
    pub fn user(account: &str, name: &str, policies: &[Value]) -> Who {
        Who::of(account, &format!("arn:aws:iam::{account}:user/{name}"), policies)
    }

    /// The account itself.
    pub fn root(account: &str) -> Who {
        Who::of(account, &format!("arn:aws:iam::{account}:root"), &[])
    }

    pub fn of(account: &str, arn: &str, policies: &[Value]) -> Who {
        let parse = |policy: &Value| Policy::parse(&policy.to_string(), Kind::Identity).unwrap();
        let principal = Principal {
            access_key: "AKIDEXAMPLE".to_owned(),
            account: account.to_owned(),
            arn: arn.to_owned(),
            is_session: false,
            policies: policies.iter().map(parse).collect(),
        };
        Who { identity: Identity::Signed(Arc::new(principal)), ..Who::nobody(account) }
    }

    /// Who signs nothing.
    pub fn nobody(account: &str) -> Who {
        let account = account.to_owned();
        Who { identity: Identity::Anonymous, account, source_ip: None, secure: false, user_agent: None }
    }
}

/// A statement, for an identity policy of one.
pub fn may(actions: &[&str], resources: &[&str]) -> Value {
    policy(&[json!({"Effect": "Allow", "Action": actions, "Resource": resources})])
}

pub fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

pub fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:{account}:{name}")
}

/// Actions with policies.
pub struct House {
    actions: Actions,
    pub enforcement: Arc<Enforcement>,
    runtime: tokio::runtime::Runtime,
}

impl House {
    pub fn new() -> House {
        House::with(Mode::Enforce, false)
    }

    pub fn with(mode: Mode, auto_create: bool) -> House {
        let options = BrokerOptions { namespace: NamespaceMode::Aws, cooldowns: false, auto_create };
        let enforcement = Arc::new(Enforcement::new(mode));
        let broker = Arc::new(Broker::new(options, Clock::manual()));
        let actions = Actions::new(broker).with_enforcement(Some(enforcement.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        House { actions, enforcement, runtime }
    }

    /// Carries out an action for somebody.
    pub fn call(&self, who: &Who, action: &str, members: &Value) -> Result<Response, Error> {
        let operation = Operation::from_name(action).unwrap();
        let request = Request::deserialize(operation, members).unwrap();
        let Who { source_ip, secure, user_agent, .. } = *who;
        let origin = Origin { source_ip, secure, user_agent, host: "kew", referer: None };
        let caller = Caller {
            account: &who.account,
            identity: Some(&who.identity),
            origin: Some(&origin),
            region: "us-east-1",
            base_url: "http://kew",
            trace_header: None,
            presence: None,
            fate: None,
            by: By::default(),
            waited_ms: 0,
        };
        self.runtime.block_on(self.actions.execute(&caller, request))
    }

    #[track_caller]
    pub fn allows(&self, who: &Who, action: &str, members: &Value) -> Response {
        self.call(who, action, members).unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    /// Asserts that an action is denied, with the text behind the name of who asks, if there is one.
    #[track_caller]
    pub fn denies(&self, who: &Who, action: &str, members: &Value, text: &str) {
        let error = self.call(who, action, members).expect_err(action);
        let expected = match who.identity.principal() {
            Some(Principal { arn, .. }) => format!("User: {arn} is not authorized to perform: {text}"),
            None => text.to_owned(),
        };
        assert_eq!(
            (error.kind, error.status(), &*error.message),
            (ErrorKind::AccessDenied, 403, expected.as_str()),
            "{action}"
        );
    }

    /// A queue of an account, made by its root.
    pub fn queue(&self, account: &str, name: &str) -> String {
        self.allows(&Who::root(account), "CreateQueue", &json!({ "QueueName": name }));
        format!("http://kew/{account}/{name}")
    }

    /// Gives a queue a policy, as the root of its account.
    #[track_caller]
    pub fn set_policy(&self, account: &str, url: &str, statements: &[Value]) {
        let attributes = json!({"Policy": policy(statements).to_string()});
        self.allows(&Who::root(account), "SetQueueAttributes", &json!({"QueueUrl": url, "Attributes": attributes}));
    }
}
