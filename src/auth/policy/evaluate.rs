//! Whether a principal may do something: all policies that have a say, in the order in which AWS asks them.

use super::context::Context;
use super::document::{Effect, Kind, Listing, Policy, Statement};
use super::pattern::Resolved;
use super::principal::{Named, Requester};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The action, as in `sqs:SendMessage`.
    pub action: &'a str,
    /// The ARN of the queue; for ListQueues without a name.
    pub resource: &'a str,
    /// The account that owns it.
    pub owner: &'a str,
    /// Who asks, and what else is known of the request.
    pub context: Context<'a>,
}

/// The policies that have a say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Those of the principal.
    pub identity: &'a [Policy],
    /// That of the queue.
    pub queue: QueuePolicy<'a>,
}

impl Policies<'_> {
    /// Whether one of them may ask for the tags of the queue.
    pub fn ask_for_tags(&self) -> bool {
        let by_queue = matches!(self.queue, QueuePolicy::Is(policy) if policy.asks_for_tags);
        by_queue || self.identity.iter().any(|policy| policy.asks_for_tags)
    }
}

/// The policy of a queue.
#[derive(Clone, Copy, Debug, Default)]
pub enum QueuePolicy<'a> {
    /// It has none.
    #[default]
    Absent,
    /// This one.
    Is(&'a Policy),
    /// It has one that cannot be read, as only an earlier version of kew has let in. It might forbid anything.
    Unreadable,
}

/// The answer, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'a> {
    /// Why.
    pub reason: Reason,
    /// The statement that decided, if one did.
    pub statement: Option<Deciding<'a>>,
}

/// A statement that decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deciding<'a> {
    /// What its policy belongs to.
    pub kind: Kind,
    /// Which of the principal's policies, counted from 0; 0 for that of a queue.
    pub policy: usize,
    /// Where that stands, if it is known.
    pub place: &'a str,
    /// Which statement of it, counted from 0.
    pub index: usize,
    /// The statement.
    pub statement: &'a Statement,
}

/// Why something is allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The root of the account that owns the queue may do everything.
    Root,
    /// A policy of the principal allows it.
    IdentityAllows,
    /// The policy of the queue allows it; across accounts the policies of the principal do too.
    QueueAllows,
    /// A policy of the principal denies it.
    IdentityDenies,
    /// The policy of the queue denies it.
    QueueDenies,
    /// No policy of the principal allows it.
    NoIdentityAllows,
    /// The policy of the queue does not allow it.
    NoQueueAllows,
}

impl Reason {
    /// Whether it is allowed.
    pub fn allows(self) -> bool {
        matches!(self, Reason::Root | Reason::IdentityAllows | Reason::QueueAllows)
    }
}

/// Actions that a queue policy cannot grant to other accounts.
pub const NEVER_ACROSS_ACCOUNTS: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Decides.
pub fn evaluate<'a>(question: &Question<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let requester = &question.context.requester;
    let identity = |effect| {
        let mut numbered = policies.identity.iter().enumerate();
        numbered.find_map(|(at, policy)| first(question, policy, at, effect).map(|(deciding, _)| deciding))
    };
    let by_queue = |effect| match policies.queue {
        QueuePolicy::Is(policy) => first(question, policy, 0, effect),
        QueuePolicy::Absent | QueuePolicy::Unreadable => None,
    };
    let decided = |reason, statement| Decision { reason, statement };
    let is_own = requester.account() == Some(question.owner);

    if let Some(found) = identity(Effect::Deny) {
        return decided(Reason::IdentityDenies, Some(found));
    }
    if let Some((found, _)) = by_queue(Effect::Deny) {
        return decided(Reason::QueueDenies, Some(found));
    }
    if is_own && requester.is_root() {
        return decided(Reason::Root, None);
    }
    if matches!(policies.queue, QueuePolicy::Unreadable) {
        return decided(Reason::QueueDenies, None);
    }
    let queue_allows = by_queue(Effect::Allow);
    if is_own {
        // To name the account is to leave it to the account's own policies.
        let by_name = queue_allows.filter(|(_, named)| *named == Named::Directly);
        return match (identity(Effect::Allow), by_name) {
            (Some(found), _) => decided(Reason::IdentityAllows, Some(found)),
            (None, Some((found, _))) => decided(Reason::QueueAllows, Some(found)),
            (None, None) => decided(Reason::NoIdentityAllows, None),
        };
    }
    // Across accounts both sides have to agree. Who is nobody has no side.
    let agrees = *requester == Requester::Anonymous || requester.is_root() || identity(Effect::Allow).is_some();
    let name = question.action.split_once(':').map_or(question.action, |(_, name)| name);
    match queue_allows {
        _ if !agrees => decided(Reason::NoIdentityAllows, None),
        Some((found, _)) if !NEVER_ACROSS_ACCOUNTS.contains(&name) => decided(Reason::QueueAllows, Some(found)),
        _ => decided(Reason::NoQueueAllows, None),
    }
}

/// The first statement of a policy that has this effect on the request; of those that allow, one that names the
/// principal before one that names the account.
fn first<'a>(question: &Question<'_>, policy: &'a Policy, at: usize, effect: Effect) -> Option<(Deciding<'a>, Named)> {
    let mut found = None;
    for (index, statement) in policy.statements.iter().enumerate().filter(|(_, s)| s.effect == effect) {
        if let Ok(named) = statement.applies(question) {
            let deciding = Deciding { kind: policy.kind, policy: at, place: &policy.place, index, statement };
            if effect == Effect::Deny || named == Named::Directly {
                return Some((deciding, named));
            }
            found.get_or_insert((deciding, named));
        }
    }
    found
}

/// Why a statement does not apply to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It is for others.
    Principal,
    /// It is about other actions.
    Action,
    /// It is about other queues.
    Resource,
    /// This condition is not met, counted from 0.
    Condition(usize),
}

impl Statement {
    /// Whether it applies to a request, and how it names who asks.
    ///
    /// # Errors
    /// What does not fit first.
    pub fn applies(&self, question: &Question<'_>) -> Result<Named, Miss> {
        let requester = &question.context.requester;
        let named = match &self.principals {
            Some(principals) => principals.name(requester, self.effect == Effect::Deny).ok_or(Miss::Principal)?,
            None => Named::Directly,
        };
        if !self.actions.holds(question, |pattern, question| pattern.matches_any_case(question.action)) {
            return Err(Miss::Action);
        }
        if !self.resources.holds(question, |pattern, question| pattern.matches_arn(question.resource, true)) {
            return Err(Miss::Resource);
        }
        match self.conditions.iter().position(|condition| !condition.is_met(&question.context)) {
            Some(at) => Err(Miss::Condition(at)),
            None => Ok(named),
        }
    }
}

impl Listing {
    /// Whether the request is on the list, or with a `Not` is not. A policy variable without a value matches nothing,
    /// and so leaves a `Not` without a meaning.
    fn holds(&self, question: &Question<'_>, matches: impl Fn(&Resolved<'_>, &Question<'_>) -> bool) -> bool {
        let mut listed = false;
        for pattern in &self.patterns {
            match pattern.resolve(&question.context) {
                Some(pattern) => listed |= matches(&pattern, question),
                None if self.negated => return false,
                None => {}
            }
        }
        listed != self.negated
    }
}
