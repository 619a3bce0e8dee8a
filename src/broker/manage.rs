//! The actions on queues as a whole: create, delete, find, list, purge, and their attributes.

use super::durability::Done;
use super::namespace::Added;
use super::queue::Queue;
use super::redrive::RedrivePolicy;
use super::settings::{self, Changes, Purpose, QueueSettings};
use super::{Broker, Caller};
use crate::api::attributes::{QUEUE_ATTRIBUTES, find, name};
use crate::api::fields::LenientText;
use crate::api::rules::{self, FIFO_SUFFIX};
use crate::api::{
    CreateQueueRequest, GetQueueAttributesRequest, GetQueueAttributesResult, GetQueueUrlRequest,
    ListDeadLetterSourceQueuesRequest, ListDeadLetterSourceQueuesResult, ListQueuesRequest, ListQueuesResult, Map,
    Nothing, QueueRequest, QueueUrlResult, SetQueueAttributesRequest, Tags, limits,
};
use crate::engine::Time;
use crate::error::{Error, ErrorKind};
use crate::store::Change;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Broker {
    pub(super) fn create_queue(
        &self,
        caller: &Caller<'_>,
        r: CreateQueueRequest,
    ) -> Result<Done<QueueUrlResult>, Error> {
        let attributes = r.attributes.unwrap_or_default();
        let queue = self.create(caller, r.queue_name.as_deref(), &attributes, &r.tags.unwrap_or_default())?;
        Ok(queue.map(|queue| QueueUrlResult { queue_url: self.url(caller, &queue) }))
    }

    /// Creates a queue, or finds the one of that name if nothing that is asked for differs from it.
    ///
    /// # Errors
    /// Those of CreateQueue.
    fn create(
        &self,
        caller: &Caller<'_>,
        name: Option<&str>,
        attributes: &Map<LenientText>,
        tags: &Tags,
    ) -> Result<Done<Arc<Queue>>, Error> {
        let fifo = settings::asks_for_fifo(attributes);
        let name = rules::check_queue_name(name, fifo)?;
        let changes = settings::check(attributes, Purpose::Create { fifo })?;
        let tags = super::tags::check(tags, name)?;
        let now = self.clock.now();
        let settings = QueueSettings::new(fifo, &changes, now);
        let place = (caller.account, caller.region, name);
        if let Some(existing) = self.namespace.get(caller.account, caller.region, name) {
            return self.same_or_conflict(existing, &changes);
        }
        if let Some(policy) = &settings.redrive {
            self.check_redrive_target(policy, place, fifo)?;
        }
        let queue = Arc::new(Queue::new(fastrand::u64(..), place, settings, tags, self.store.is_some()));
        // Held until the store has its record, so that nothing that happens in it can come before.
        let mut state = queue.lock_as_is();
        match self.namespace.add(&queue, now) {
            Added::New => {
                queue.save(&mut state);
                self.deliver(&queue, &mut state.outbox);
                Ok(Done::new(queue.clone(), state.outbox.ticket()))
            }
            Added::Existing(existing) => {
                drop(state);
                self.same_or_conflict(existing, &changes)
            }
            Added::TooSoon => Err(Error::new(
                ErrorKind::QueueDeletedRecently,
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            )),
            // Uncertain: AWS sets no such limit.
            Added::TooMany => Err(Error::new(
                ErrorKind::OverLimit,
                format!("The maximum number of queues, {}, has been reached.", self.namespace.queues_max()),
            )),
        }
    }

    /// CreateQueue on a name that is taken: fine if every attribute that is given equals the queue's current one (recorded).
    ///
    /// Tags are not compared (uncertain; they are not attributes).
    fn same_or_conflict(&self, existing: Arc<Queue>, given: &Changes) -> Result<Done<Arc<Queue>>, Error> {
        match self.first_difference(&existing, given) {
            // Its creation by another may still be on its way to the store.
            None => Ok(self.with(&existing, |_, _| ())?.map(|()| existing)),
            Some(attribute) => Err(Error::new(
                ErrorKind::QueueNameExists,
                format!("A queue already exists with the same name and a different value for attribute {attribute}"),
            )),
        }
    }

    fn first_difference(&self, queue: &Queue, given: &Changes) -> Option<&'static str> {
        queue.settings().first_difference(given, |name, held, given| {
            self.same_policy(&queue.account, name, held, given).unwrap_or(held == given)
        })
    }

    /// Creates a queue with default attributes because it was asked for; its name says whether it is a FIFO queue.
    pub(super) fn auto_create(&self, caller: &Caller<'_>, name: &str) -> Result<Arc<Queue>, Error> {
        let mut attributes = Map::new();
        if name.ends_with(FIFO_SUFFIX) {
            attributes.insert(name::FIFO_QUEUE.to_owned(), LenientText(Some("true".to_owned())));
            attributes.insert(name::CONTENT_BASED_DEDUPLICATION.to_owned(), LenientText(Some("true".to_owned())));
        }
        let created =
            self.create(caller, Some(name), &attributes, &Tags::default()).map_err(|error| match error.kind {
                ErrorKind::OverLimit => error,
                _ => self.not_there(name),
            })?;
        // What is asked of the queue next waits for the store itself.
        Ok(created.unwaited())
    }

    pub(super) fn delete_queue(&self, caller: &Caller<'_>, r: QueueRequest) -> Result<Done<Nothing>, Error> {
        let Some(address) = r.queue_url.as_deref().and_then(super::QueueAddress::parse) else {
            return Err(Error::no_queue());
        };
        let queue = self.namespace.resolve(address, caller.account, caller.region);
        let queue = queue.ok_or_else(|| self.not_there(address.name))?;
        // The contents may be large; they are dropped when the last one who holds the queue lets go of it.
        let discarded = self.with(&queue, |state, now| {
            state.deleted = true;
            state.line.dismiss();
            self.namespace.remove(&queue, now);
            state.outbox.put(|| [Change::QueueDeleted { uid: queue.uid, at: now }]);
            state.engine.purge(now, &mut ())
        })?;
        self.move_tasks.forget(queue.uid);
        Ok(discarded.map(|contents| {
            drop(contents);
            Nothing {}
        }))
    }

    pub(super) fn get_queue_url(&self, caller: &Caller<'_>, r: GetQueueUrlRequest) -> Result<QueueUrlResult, Error> {
        let name = r.queue_name.filter(|name| !name.is_empty()).ok_or_else(rules::must_specify_queue_name)?;
        let owner = r.queue_owner_aws_account_id.as_deref().filter(|owner| !owner.is_empty());
        let address = super::QueueAddress { host: None, account: owner, region: None, name: &name };
        let queue = match self.namespace.resolve(address, caller.account, caller.region) {
            Some(queue) => queue,
            None if self.options.auto_create => self.auto_create(caller, &name)?,
            None => return Err(self.not_there(&name)),
        };
        Ok(QueueUrlResult { queue_url: self.url(caller, &queue) })
    }

    pub(super) fn list_queues(&self, caller: &Caller<'_>, r: ListQueuesRequest) -> Result<ListQueuesResult, Error> {
        let prefix = r.queue_name_prefix.unwrap_or_default();
        let page = Page::new(r.max_results, r.next_token.as_deref(), &prefix)?;
        let queues = self.namespace.list(caller.account, caller.region, &prefix, page.after.as_deref(), page.size + 1);
        let (queues, next_token) = page.cut(queues, |queue| &queue.name);
        Ok(ListQueuesResult { next_token, queue_urls: queues.iter().map(|queue| self.url(caller, queue)).collect() })
    }

    pub(super) fn list_dead_letter_source_queues(
        &self,
        caller: &Caller<'_>,
        r: ListDeadLetterSourceQueuesRequest,
    ) -> Result<ListDeadLetterSourceQueuesResult, Error> {
        let target = self.find(caller, r.queue_url.as_deref())?;
        let page = Page::new(r.max_results, r.next_token.as_deref(), &target.name)?;
        let mut sources = self.dead_letter_sources(&target);
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let after = page.after.as_deref().unwrap_or_default();
        let rest = sources.into_iter().filter(|queue| &*queue.name > after).take(page.size + 1).collect();
        let (queues, next_token) = page.cut(rest, |queue| &queue.name);
        let queue_urls = queues.iter().map(|queue| self.url(caller, queue)).collect();
        Ok(ListDeadLetterSourceQueuesResult { next_token, queue_urls })
    }

    /// The queues whose redrive policy points at this one.
    pub(super) fn dead_letter_sources(&self, target: &Queue) -> Vec<Arc<Queue>> {
        let points_here = |queue: &Arc<Queue>| {
            let settings = queue.settings();
            let found = settings.redrive.as_ref().and_then(|policy| policy.target(self, queue));
            found.is_some_and(|found| found.uid == target.uid)
        };
        self.namespace.all().into_iter().filter(points_here).collect()
    }

    pub(super) fn purge_queue(&self, caller: &Caller<'_>, r: QueueRequest) -> Result<Done<Nothing>, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let discarded = self.with(&queue, |state, now| {
            let closed = |at: Time| now < at.plus_seconds(limits::COOLDOWN_SECONDS);
            if self.options.cooldowns && state.purged.is_some_and(closed) {
                return Err(Error::new(
                    ErrorKind::PurgeQueueInProgress,
                    format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name),
                ));
            }
            state.purged = Some(now);
            queue.save(state);
            Ok(state.engine.purge(now, &mut state.outbox.journal))
        })?;
        // What was in the queue is dropped here, after its lock was let go of.
        discarded.map(|contents| contents.map(|_| Nothing {})).transpose()
    }

    pub(super) fn get_queue_attributes(
        &self,
        caller: &Caller<'_>,
        r: GetQueueAttributesRequest,
    ) -> Result<GetQueueAttributesResult, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let wanted = rules::all_names(r.attribute_names, "AttributeNames")?;
        if let Some(unknown) = wanted.iter().find(|name| *name != "All" && find(name).is_none()) {
            return Err(Error::unknown_attribute(unknown));
        }
        let counts = self.with(&queue, |state, _| state.engine.counts())?.unwaited();
        let settings = queue.settings();
        let all = wanted.iter().any(|name| name == "All");
        let shown =
            QUEUE_ATTRIBUTES.iter().map(|line| line.name).filter(|name| all || wanted.iter().any(|w| w == name));
        let value = |name: &str| match name {
            name::QUEUE_ARN => Some(self.arn(caller, &queue)),
            name::APPROXIMATE_NUMBER_OF_MESSAGES => Some(counts.visible.to_string()),
            name::APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE => Some(counts.in_flight.to_string()),
            name::APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED => Some(counts.delayed.to_string()),
            name::CREATED_TIMESTAMP => Some(settings.created.as_seconds().to_string()),
            name::LAST_MODIFIED_TIMESTAMP => Some(settings.modified.as_seconds().to_string()),
            name::REDRIVE_POLICY => settings.redrive.as_ref().map(|policy| self.shown_redrive(caller, policy)),
            name::REDRIVE_ALLOW_POLICY => {
                settings.redrive_allow.as_ref().map(|policy| self.shown_redrive_allow(caller, policy))
            }
            _ => settings.value(name),
        };
        let attributes = shown.filter_map(|name| Some((name.to_owned(), value(name)?))).collect();
        Ok(GetQueueAttributesResult { attributes })
    }

    pub(super) fn set_queue_attributes(
        &self,
        caller: &Caller<'_>,
        r: SetQueueAttributesRequest,
    ) -> Result<Done<Nothing>, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let attributes = r.attributes.filter(|a| !a.is_empty()).ok_or_else(|| Error::missing("Attribute.Name"))?;
        let changes = settings::check(&attributes, Purpose::Set(&queue.settings()))?;
        if let Some(Some(policy)) = changes.get(name::REDRIVE_POLICY) {
            let policy = RedrivePolicy::parse(policy)?;
            let fifo = queue.settings().fifo;
            self.check_redrive_target(&policy, (&queue.account, &queue.region, &queue.name), fifo)?;
        }
        self.with(&queue, |state, now| {
            let settings = queue.settings().changed(&changes, now);
            queue.set_settings(state, settings);
            Nothing {}
        })
    }

    /// The ARN of a queue of the caller, whether it is there or not.
    pub fn arn_of(&self, caller: &Caller<'_>, name: &str) -> String {
        super::Arn { region: caller.region, account: caller.account, name }.to_string()
    }

    /// Sets one attribute of a queue, unless it is set so already.
    ///
    /// # Errors
    /// Those of SetQueueAttributes.
    pub fn set_attribute(&self, caller: &Caller<'_>, queue: &str, key: &str, value: &str) -> Result<(), Error> {
        let attributes = Map::from([(key.to_owned(), LenientText(Some(value.to_owned())))]);
        let existing = self.find(caller, Some(queue))?;
        let settings = existing.settings();
        if self.first_difference(&existing, &settings::check(&attributes, Purpose::Set(&settings))?).is_none() {
            return Ok(());
        }
        let request =
            SetQueueAttributesRequest { attributes: Some(attributes.into()), queue_url: Some(queue.to_owned()) };
        self.set_queue_attributes(caller, request).map(|done| {
            done.unwaited();
        })
    }

    /// Creates a queue from a plain description, as the command line, a file or a test gives it.
    ///
    /// # Errors
    /// Those of CreateQueue.
    pub fn declare(
        &self,
        caller: &Caller<'_>,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, Error> {
        let lenient = |map: &BTreeMap<String, String>| -> Map<LenientText> {
            map.iter().map(|(key, value)| (key.clone(), LenientText(Some(value.clone())))).collect()
        };
        let mut attributes = lenient(attributes);
        if name.ends_with(FIFO_SUFFIX) {
            attributes.entry(name::FIFO_QUEUE.to_owned()).or_insert(LenientText(Some("true".to_owned())));
        }
        if let Some(queue) = self.namespace.get(caller.account, caller.region, name) {
            // It came back from the store: what is declared holds again, the rest stays as it was.
            attributes.remove(name::FIFO_QUEUE);
            for (key, value) in attributes {
                self.set_attribute(caller, name, &key, value.0.as_deref().unwrap_or_default())?;
            }
            let tags = super::tags::check(&lenient(tags).into(), name)?;
            let tagged = self.with(&queue, |state, _| {
                state.tags.extend(tags);
                queue.save(state);
            })?;
            tagged.unwaited();
            return Ok(self.url(caller, &queue));
        }
        let queue = self.create(caller, Some(name), &attributes, &lenient(tags).into())?.unwaited();
        Ok(self.url(caller, &queue))
    }
}

/// One page of a listing. Its token carries where the page before ended and what it was a listing of.
struct Page<'a> {
    size: usize,
    after: Option<String>,
    subject: &'a str,
    asked: bool,
}

impl<'a> Page<'a> {
    fn new(max_results: Option<i64>, token: Option<&str>, subject: &'a str) -> Result<Page<'a>, Error> {
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
    fn cut(&self, mut queues: Vec<Arc<Queue>>, name: impl Fn(&Queue) -> &str) -> (Vec<Arc<Queue>>, Option<String>) {
        let more = queues.len() > self.size;
        queues.truncate(self.size);
        let last = queues.last().filter(|_| more && self.asked);
        let token = last.map(|queue| STANDARD.encode(serde_json::json!([self.subject, name(queue)]).to_string()));
        (queues, token)
    }
}
