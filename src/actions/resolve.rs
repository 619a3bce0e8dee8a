//! Which queue a request means, by the address column of the operations table.

use super::ask::may_create;
use super::caller::Caller;
use super::create::auto_create;
use super::task_handle::TaskHandle;
use crate::api::{Address, Arn, QueueAddress, rules};
use crate::auth::policy::Enforcement;
use crate::broker::{Broker, Queue};
use crate::error::{Error, ErrorKind, shown};
use std::sync::Arc;

/// Finds the queue of a request; `None` if the request is addressed to none.
///
/// # Errors
/// `QueueDoesNotExist`, with a hint for the log if there is a queue of that name elsewhere; for message move tasks
/// `ResourceNotFoundException`; and what is wrong with the member that names the queue.
pub(super) fn resolve(
    broker: &Broker,
    caller: &Caller<'_>,
    address: Address<'_>,
    enforcement: Option<&Enforcement>,
) -> Result<Option<Arc<Queue>>, Error> {
    let create = Create { is_on: broker.options().auto_create, enforcement };
    match address {
        Address::QueueUrl(url) => by_url(broker, caller, url, create).map(Some),
        Address::ExistingQueueUrl(url) => by_url(broker, caller, url, Create { is_on: false, ..create }).map(Some),
        Address::QueueName(name, owner) => by_name(broker, caller, name, owner, create).map(Some),
        Address::SourceArn(arn) => {
            let arn = arn.filter(|arn| !arn.is_empty()).ok_or_else(|| Error::missing("SourceArn"))?;
            by_arn(broker, caller, arn, "SourceArn").map(Some)
        }
        Address::TaskHandle(handle) => {
            let arn = TaskHandle::decode(handle)?.source_arn;
            by_arn(broker, caller, &arn, "SourceArn").map_err(|_| no_resource("SourceArn")).map(Some)
        }
        Address::Nothing => Ok(None),
    }
}

/// The queue that an address means for a caller, if it is there, at this node or at another one.
pub fn meant(broker: &Broker, account: &str, region: &str, address: Address<'_>) -> Option<Arc<Queue>> {
    let by_arn = |text: &str| broker.namespace().resolve_arn(&Arn::parse(text).ok()?, account);
    let meant = match address {
        Address::QueueUrl(url) | Address::ExistingQueueUrl(url) => QueueAddress::parse(url?)?,
        Address::QueueName(name, owner) => {
            let account = owner.filter(|owner| !owner.is_empty());
            QueueAddress { host: None, account, region: None, name: name? }
        }
        Address::SourceArn(arn) => return by_arn(arn?),
        Address::TaskHandle(handle) => return by_arn(&TaskHandle::decode(handle).ok()?.source_arn),
        Address::Nothing => return None,
    };
    broker.namespace().resolve(meant, account, region)
}

/// Whether a queue that is not there is created.
#[derive(Clone, Copy)]
struct Create<'a> {
    is_on: bool,
    /// The policies that are asked whether the caller may.
    enforcement: Option<&'a Enforcement>,
}

/// The queue that a queue URL means for a caller.
///
/// # Errors
/// `QueueDoesNotExist`.
fn by_url(
    broker: &Broker,
    caller: &Caller<'_>,
    queue_url: Option<&str>,
    create: Create<'_>,
) -> Result<Arc<Queue>, Error> {
    let Some(address) = queue_url.and_then(QueueAddress::parse) else {
        let detail = format!("{:?} is not the URL of a queue", shown(queue_url.unwrap_or_default()));
        return Err(Error::no_queue().with_detail(detail));
    };
    by_address(broker, caller, address, create)
}

fn by_address(
    broker: &Broker,
    caller: &Caller<'_>,
    address: QueueAddress<'_>,
    create: Create<'_>,
) -> Result<Arc<Queue>, Error> {
    if let Some(queue) = broker.namespace().resolve(address, caller.account, caller.region) {
        return Ok(queue);
    }
    let caller = Caller { region: address.region_or(caller.region), ..*caller };
    if create.is_on && create.enforcement.is_none_or(|policies| may_create(policies, broker, &caller, address.name)) {
        return auto_create(broker, &caller, address.name).map_err(|error| match error.kind {
            ErrorKind::OverLimit => error,
            _ => not_there(broker, address.name),
        });
    }
    Err(not_there(broker, address.name))
}

fn by_name(
    broker: &Broker,
    caller: &Caller<'_>,
    name: Option<&str>,
    owner: Option<&str>,
    create: Create<'_>,
) -> Result<Arc<Queue>, Error> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(rules::must_specify_queue_name)?;
    let account = owner.filter(|owner| !owner.is_empty());
    let address = QueueAddress { host: None, account, region: None, name };
    by_address(broker, caller, address, create)
}

/// The queue that an ARN in the member of this name means for a caller.
///
/// # Errors
/// `InvalidParameterValue` or `ResourceNotFoundException`.
pub(super) fn by_arn(broker: &Broker, caller: &Caller<'_>, text: &str, member: &str) -> Result<Arc<Queue>, Error> {
    let arn = Arn::parse(text).map_err(|_| {
        Error::invalid(format!(
            "You must use this format to specify the {member}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })?;
    broker.namespace().resolve_arn(&arn, caller.account).ok_or_else(|| no_resource(member))
}

fn no_resource(member: &str) -> Error {
    let text = format!("The resource that you specified for the {member} parameter doesn't exist.");
    Error::new(ErrorKind::ResourceNotFound, text)
}

fn not_there(broker: &Broker, name: &str) -> Error {
    let hint = broker.namespace().hint(name);
    Error::no_queue().with_detail(hint.unwrap_or_else(|| format!("no queue is named {}", shown(name))))
}
