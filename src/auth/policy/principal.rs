//! Who asks, and whom a policy means: `Principal` and `NotPrincipal`.

use crate::api::is_account_id;
use std::fmt;

/// Who asks for an action.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Requester<'a> {
    /// Who did not sign the request.
    #[default]
    Anonymous,
    /// Who has credentials.
    Principal(Principal<'a>),
}

/// A principal of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal<'a> {
    arn: &'a str,
    account: &'a str,
    kind: Kind<'a>,
}

/// What a principal is, by its ARN.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind<'a> {
    /// `arn:aws:iam::ACCOUNT:root`: the account itself.
    Root,
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`, by its name.
    User(&'a str),
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`, by its name.
    Role(&'a str),
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`: its role and session.
    AssumedRole(&'a str, &'a str),
    /// `arn:aws:sts::ACCOUNT:federated-user/NAME`, by its name.
    FederatedUser(&'a str),
}

impl<'a> Requester<'a> {
    /// Whom an ARN names; none if it names no principal.
    pub fn of(arn: &'a str) -> Option<Requester<'a>> {
        Principal::of(arn).map(Requester::Principal)
    }

    /// The principal, if it is somebody.
    pub fn principal(&self) -> Option<&Principal<'a>> {
        match self {
            Requester::Anonymous => None,
            Requester::Principal(principal) => Some(principal),
        }
    }

    /// The account of the principal.
    pub fn account(&self) -> Option<&'a str> {
        self.principal().map(|principal| principal.account)
    }

    /// Whether it is the root of its account, who needs no identity policy.
    pub fn is_root(&self) -> bool {
        self.principal().is_some_and(|principal| principal.kind == Kind::Root)
    }

    /// `aws:PrincipalType`.
    pub fn kind(&self) -> &'static str {
        match self.principal().map(|principal| principal.kind) {
            None => "Anonymous",
            Some(Kind::Root) => "Account",
            Some(Kind::User(_)) => "User",
            Some(Kind::Role(_) | Kind::AssumedRole(..)) => "AssumedRole",
            Some(Kind::FederatedUser(_)) => "FederatedUser",
        }
    }
}

/// As the text of an AccessDenied names who was denied.
impl fmt::Display for Requester<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.principal().map_or("anonymous", |principal| principal.arn))
    }
}

impl<'a> Principal<'a> {
    fn of(arn: &'a str) -> Option<Principal<'a>> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, name] = parts[..] else { return None };
        if !partition.starts_with("aws") || !is_account_id(account) || arn.contains(['*', '?', ' ', '"']) {
            return None;
        }
        let last = |path: &'a str| path.rsplit('/').next().filter(|name| !name.is_empty());
        let kind = match (service, name.split_once('/')) {
            ("iam", None) if name == "root" => Kind::Root,
            ("iam", Some(("user", path))) => Kind::User(last(path)?),
            ("iam", Some(("role", path))) => Kind::Role(last(path)?),
            ("sts", Some(("federated-user", path))) => Kind::FederatedUser(last(path)?),
            ("sts", Some(("assumed-role", path))) => {
                let (role, session) = path.split_once('/')?;
                if role.is_empty() || session.is_empty() {
                    return None;
                }
                Kind::AssumedRole(role, session)
            }
            _ => return None,
        };
        Some(Principal { arn, account, kind })
    }

    /// Its account.
    pub fn account(&self) -> &'a str {
        self.account
    }

    /// `aws:PrincipalArn`: for a session the role that was assumed, whose path is not known.
    pub fn principal_arn(&self) -> std::borrow::Cow<'a, str> {
        match self.kind {
            Kind::AssumedRole(role, _) => {
                let partition = self.arn.split(':').nth(1).unwrap_or("aws");
                format!("arn:{partition}:iam::{}:role/{role}", self.account).into()
            }
            _ => self.arn.into(),
        }
    }

    /// `aws:username`, which only users have.
    pub fn user_name(&self) -> Option<&'a str> {
        match self.kind {
            Kind::User(name) => Some(name),
            _ => None,
        }
    }

    /// `aws:userid`. Names stand for the ids that IAM would give to users and roles.
    pub fn user_id(&self) -> std::borrow::Cow<'a, str> {
        match self.kind {
            Kind::Root => self.account.into(),
            Kind::User(name) | Kind::Role(name) => name.into(),
            Kind::AssumedRole(role, session) => format!("{role}:{session}").into(),
            Kind::FederatedUser(name) => format!("{}:{name}", self.account).into(),
        }
    }

    /// Whether an ARN of a policy names it, or the role whose session it is.
    fn is(&self, arn: &str) -> bool {
        self.arn == arn || self.is_session_of(arn)
    }

    fn is_session_of(&self, arn: &str) -> bool {
        let Kind::AssumedRole(own, _) = self.kind else { return false };
        let other = Principal::of(arn);
        other.is_some_and(|other| other.account == self.account && other.kind == Kind::Role(own))
    }
}

/// `Principal` or `NotPrincipal` of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Principals {
    /// Whether it is `NotPrincipal`.
    pub negated: bool,
    /// Those that are listed.
    pub listed: Vec<Listed>,
}

/// One that a policy lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// `*`
    Everyone,
    /// An account, by its id or the ARN of its root.
    Account(String),
    /// A user, a role or a session.
    Arn(String),
    /// Somebody who never asks kew: a service, a federated or canonical user, a principal that was deleted in IAM.
    Foreign(String),
}

/// How a statement means a requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its account: in its own account that leaves the decision to identity policies.
    Account,
    /// By name, or as everyone.
    Directly,
}

impl Listed {
    /// Reads a member of `"AWS"`.
    pub fn aws(text: &str) -> Option<Listed> {
        // The unique id that stands in a policy for a principal that is gone.
        let unique_id = || text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if text == "*" {
            return Some(Listed::Everyone);
        } else if is_account_id(text) {
            return Some(Listed::Account(text.to_owned()));
        }
        match Principal::of(text) {
            Some(Principal { kind: Kind::Root, account, .. }) => Some(Listed::Account(account.to_owned())),
            Some(_) => Some(Listed::Arn(text.to_owned())),
            None => unique_id().then(|| Listed::Foreign(text.to_owned())),
        }
    }

    fn names(&self, requester: &Requester<'_>) -> Option<Named> {
        let principal = requester.principal();
        match self {
            Listed::Everyone => Some(Named::Directly),
            Listed::Account(account) => principal.filter(|p| p.account == *account).map(|_| Named::Account),
            Listed::Arn(arn) => principal.filter(|principal| principal.is(arn)).map(|_| Named::Directly),
            Listed::Foreign(_) => None,
        }
    }
}

impl Principals {
    /// How the statement means a requester, if it does. `denies`: whether it is a Deny.
    pub fn name(&self, requester: &Requester<'_>, denies: bool) -> Option<Named> {
        let mut found = self.listed.iter().filter_map(|listed| listed.names(requester));
        if !self.negated {
            let mut best = None;
            for named in found {
                if named == Named::Directly {
                    return Some(named);
                }
                best = Some(named);
            }
            return best;
        }
        // A Deny spares those alone of whom everything is listed: the account, and within it the user, or the role and
        // its session. An Allow is not for those of whom anything is.
        let spared = if denies { self.lists_all_of(requester) } else { found.next().is_some() };
        (!spared).then_some(Named::Directly)
    }

    fn lists_all_of(&self, requester: &Requester<'_>) -> bool {
        let lists = |is: &dyn Fn(&Listed) -> bool| self.listed.iter().any(is);
        if lists(&|listed| *listed == Listed::Everyone) {
            return true;
        }
        let Some(principal) = requester.principal() else { return false };
        let account = lists(&|listed| matches!(listed, Listed::Account(account) if account == principal.account));
        let itself = lists(&|listed| matches!(listed, Listed::Arn(arn) if arn == principal.arn));
        let role = lists(&|listed| matches!(listed, Listed::Arn(arn) if principal.is_session_of(arn)));
        match principal.kind {
            Kind::Root => account,
            Kind::AssumedRole(..) => account && itself && role,
            _ => account && itself,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "arn:aws:iam::111111111111:root";
    const ANN: &str = "arn:aws:iam::111111111111:user/div/ann";
    const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/worker/i-1";
    const ROLE: &str = "arn:aws:iam::111111111111:role/path/worker";

    fn principals(negated: bool, listed: &[&str]) -> Principals {
        Principals { negated, listed: listed.iter().map(|text| Listed::aws(text).unwrap()).collect() }
    }

    fn of(arn: &str) -> Requester<'_> {
        if arn.is_empty() { Requester::Anonymous } else { Requester::of(arn).unwrap() }
    }

    #[test]
    fn a_principal_is_meant_by_name_by_its_account_or_as_everyone() {
        let (by_name, by_account) = (Some(Named::Directly), Some(Named::Account));
        for (listed, asks, named) in [
            ("*", "", by_name),
            ("*", ANN, by_name),
            (ANN, ANN, by_name),
            (ANN, "arn:aws:iam::111111111111:user/ann", None),
            ("111111111111", ANN, by_account),
            (ROOT, SESSION, by_account),
            (ROOT, "", None),
            (ROOT, ROOT, by_account),
            ("222222222222", ANN, None),
            (ROLE, SESSION, by_name),
            (SESSION, SESSION, by_name),
            (SESSION, ROLE, None),
            (ROLE, "arn:aws:sts::222222222222:assumed-role/worker/i-1", None),
            ("AIDAJQABLZS4A3QDU576Q", ANN, None),
        ] {
            assert_eq!(principals(false, &[listed]).name(&of(asks), false), named, "{listed} {asks}");
        }
        assert_eq!(principals(false, &[ROOT, ANN]).name(&of(ANN), false), by_name);
        for wrong in ["", "ann", "arn:aws:iam::111111111111:user/*", "arn:aws:iam::1:root", "1111", "arn:aws:sqs:::q"] {
            assert_eq!(Listed::aws(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn not_principal_spares_whom_it_lists_whole() {
        let spared = |listed: &[&str], asks: &str| principals(true, listed).name(&of(asks), true).is_none();
        assert!(spared(&[ANN, ROOT], ANN) && !spared(&[ANN], ANN) && !spared(&[ROOT], ANN));
        assert!(spared(&[ROOT], ROOT) && !spared(&[ANN, ROOT], ""));
        assert!(spared(&[ROLE, SESSION, ROOT], SESSION) && !spared(&[ROLE, ROOT], SESSION));
        let allowed = |listed: &[&str], asks: &str| principals(true, listed).name(&of(asks), false).is_some();
        assert!(allowed(&[ANN], "") && !allowed(&[ANN], ANN) && !allowed(&[ROOT], ANN));
    }

    #[test]
    fn the_keys_of_a_principal_follow_its_arn() {
        let keys = |arn: &'static str| {
            let requester = of(arn);
            let principal = requester.principal().cloned().unwrap();
            let (arn, id) = (principal.principal_arn().into_owned(), principal.user_id().into_owned());
            (requester.kind(), arn, principal.user_name(), id)
        };
        let role = "arn:aws:iam::111111111111:role/worker".to_owned();
        assert_eq!(keys(ROOT), ("Account", ROOT.to_owned(), None, "111111111111".to_owned()));
        assert_eq!(keys(ANN), ("User", ANN.to_owned(), Some("ann"), "ann".to_owned()));
        assert_eq!(keys(SESSION), ("AssumedRole", role, None, "worker:i-1".to_owned()));
    }
}
