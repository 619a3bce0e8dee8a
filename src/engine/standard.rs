//! The delivery order of a standard queue: send order, and fair queues for messages with a group.
//!
//! Messages without a group are in one lane. Each message group ("tenant") has a lane of its own. Quiet tenants come in
//! the order of their first messages, together with the messages without a group; noisy ones are served only when
//! nothing of that kind is left, fewest in flight first.
//!
//! A tenant turns noisy when a receive brings it to at least 30 messages in flight and to more than 10 % of all
//! messages in flight. It stops being noisy when it has no backlog (visible or delayed) left, or when it has sent
//! nothing for five minutes. (AWS documents these numbers; its second criterion, a share of processing time, is
//! not modelled.)

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arena::{Arena, NONE};
use super::effect::MessageState;
use super::groups::Groups;
use super::list::{LANE, List};
use super::settings::Counts;
use super::slot::{Listing, Slot};
use super::time::Time;

/// A tenant with fewer messages in flight is never noisy.
pub const NOISY_IN_FLIGHT_MIN: usize = 30;
/// A noisy tenant has more than one part in this many of all messages in flight.
pub const NOISY_SHARE_DIVISOR: usize = 10;
/// A tenant that has sent nothing for this many milliseconds is not noisy.
pub const NOISY_IDLE_MS: u64 = 300_000;

/// Visible messages in ascending order. New ones arrive in order; only those that became visible again have to be
/// sorted.
struct Lane {
    in_order: List<LANE>,
    sorted: BTreeSet<(u64, u32)>,
}

impl Lane {
    const fn new() -> Lane {
        Lane { in_order: List::new(), sorted: BTreeSet::new() }
    }

    fn add(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let order = slots[slot].order;
        let last = self.in_order.tail();
        if last.is_none_or(|last| slots[last].order < order) {
            slots[slot].listing = Listing::InOrder;
            self.in_order.push_back(slots, slot);
        } else {
            slots[slot].listing = Listing::Sorted;
            self.sorted.insert((order, slot));
        }
    }

    fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        match std::mem::replace(&mut slots[slot].listing, Listing::None) {
            Listing::InOrder => self.in_order.remove(slots, slot),
            Listing::Sorted => {
                self.sorted.remove(&(slots[slot].order, slot));
            }
            Listing::None => {}
        }
    }

    fn first(&self, slots: &Arena<Slot>) -> Option<(u64, u32)> {
        let in_order = self.in_order.head().map(|slot| (slots[slot].order, slot));
        match (in_order, self.sorted.first().copied()) {
            (Some(in_order), Some(sorted)) => Some(in_order.min(sorted)),
            (one, other) => one.or(other),
        }
    }
}

/// How many messages, by state.
#[derive(Clone, Copy, Default)]
struct StateCounts {
    visible: usize,
    in_flight: usize,
    delayed: usize,
}

impl StateCounts {
    fn of(&mut self, state: MessageState) -> &mut usize {
        match state {
            MessageState::Visible => &mut self.visible,
            MessageState::InFlight => &mut self.in_flight,
            MessageState::Delayed => &mut self.delayed,
        }
    }

    fn backlog(self) -> usize {
        self.visible + self.delayed
    }
}

/// The position of a tenant among those that are ready: with a message that can be delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadyKey {
    /// It has no such message.
    None,
    /// By the order of its first message.
    Quiet(u64),
    /// By its messages in flight, then by the order of its first message.
    Noisy(usize, u64),
}

/// One message group of a standard queue.
struct Tenant {
    lane: Lane,
    counts: StateCounts,
    last_sent: Time,
    noisy: bool,
    ready: ReadyKey,
}

/// The messages of a standard queue that can be delivered, and its tenants.
pub(super) struct StandardOrder {
    /// Messages without a group.
    ungrouped: Lane,
    tenants: Groups<Tenant>,
    /// Quiet tenants by the order of their first message.
    ready_quiet: BTreeSet<(u64, u32)>,
    /// Noisy tenants by their messages in flight, then by the order of their first message.
    ready_noisy: BTreeSet<(usize, u64, u32)>,
    /// All noisy tenants by their latest send, to find those that have become idle.
    noisy_by_last_sent: BTreeSet<(Time, u32)>,
    /// The messages of noisy tenants.
    noisy_counts: StateCounts,
}

impl StandardOrder {
    pub(super) fn new() -> StandardOrder {
        StandardOrder {
            ungrouped: Lane::new(),
            tenants: Groups::new(),
            ready_quiet: BTreeSet::new(),
            ready_noisy: BTreeSet::new(),
            noisy_by_last_sent: BTreeSet::new(),
            noisy_counts: StateCounts::default(),
        }
    }

    /// The message to deliver next.
    pub(super) fn next(&self, slots: &Arena<Slot>) -> Option<u32> {
        let ungrouped = self.ungrouped.first(slots);
        let quiet = self.ready_quiet.first().copied();
        let tenant = match (ungrouped, quiet) {
            (Some((order, slot)), quiet) if quiet.is_none_or(|quiet| order < quiet.0) => {
                return Some(slot);
            }
            (_, Some((_, tenant))) => tenant,
            (_, None) => self.ready_noisy.first()?.2,
        };
        self.tenants[tenant].lane.first(slots).map(|(_, slot)| slot)
    }

    /// The name of a message's group.
    pub(super) fn group_name(&self, group: u32) -> Option<Arc<str>> {
        self.tenants.name(group)
    }

    /// Whether a message's group is a noisy one; without a group it is in none.
    pub(super) fn is_noisy(&self, group: u32) -> bool {
        group != NONE && self.tenants[group].noisy
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared_name(&self, name: Box<str>) -> Arc<str> {
        self.tenants.shared(name)
    }

    /// Adds a message to its group; `attach` has to follow.
    pub(super) fn enter_group(&mut self, name: &Arc<str>, sent: Time) -> u32 {
        let group = self.tenants.find_or_add(name, || Tenant {
            lane: Lane::new(),
            counts: StateCounts::default(),
            last_sent: sent,
            noisy: false,
            ready: ReadyKey::None,
        });
        let tenant = &self.tenants[group];
        if tenant.noisy && sent.ms_since(tenant.last_sent) >= NOISY_IDLE_MS {
            self.set_noisy(group, false);
        }
        let tenant = &mut self.tenants[group];
        let before = tenant.last_sent;
        tenant.last_sent = before.max(sent);
        if tenant.noisy {
            self.noisy_by_last_sent.remove(&(before, group));
            self.noisy_by_last_sent.insert((tenant.last_sent, group));
        }
        group
    }

    /// Takes a message out of its lane and out of the counts; `attach` or `leave_group` has to follow.
    pub(super) fn detach(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let Slot { group, state, .. } = slots[slot];
        if group == NONE {
            self.ungrouped.remove(slots, slot);
            return;
        }
        let tenant = &mut self.tenants[group];
        tenant.lane.remove(slots, slot);
        *tenant.counts.of(state) -= 1;
        if tenant.noisy {
            *self.noisy_counts.of(state) -= 1;
        }
    }

    /// Takes in a message by its state, for delivery if it is `offered`.
    pub(super) fn attach(&mut self, slots: &mut Arena<Slot>, slot: u32, offered: bool) {
        let Slot { group, state, .. } = slots[slot];
        if group == NONE {
            if offered {
                self.ungrouped.add(slots, slot);
            }
            return;
        }
        let tenant = &mut self.tenants[group];
        if offered {
            tenant.lane.add(slots, slot);
        }
        *tenant.counts.of(state) += 1;
        if tenant.noisy {
            *self.noisy_counts.of(state) += 1;
        }
        self.reposition(slots, group);
    }

    /// A detached message of this group leaves the queue.
    pub(super) fn leave_group(&mut self, slots: &Arena<Slot>, group: u32) {
        if group == NONE {
            return;
        }
        self.reposition(slots, group);
        let counts = self.tenants[group].counts;
        if counts.backlog() + counts.in_flight == 0 {
            self.tenants.remove(group);
        }
    }

    /// A message of this group was received at `now`, and `in_flight` messages of the queue are in flight with it.
    pub(super) fn received(&mut self, slots: &Arena<Slot>, group: u32, now: Time, in_flight: usize) {
        if group == NONE {
            return;
        }
        let tenant = &self.tenants[group];
        let own = tenant.counts.in_flight;
        if !tenant.noisy
            && own >= NOISY_IN_FLIGHT_MIN
            && own * NOISY_SHARE_DIVISOR > in_flight
            && tenant.counts.backlog() > 0
            && now.ms_since(tenant.last_sent) < NOISY_IDLE_MS
        {
            self.set_noisy(group, true);
            self.reposition(slots, group);
        }
    }

    /// A noisy tenant that has sent nothing for [`NOISY_IDLE_MS`], if there is one.
    pub(super) fn idle_noisy(&self, now: Time) -> Option<u32> {
        let &(last_sent, group) = self.noisy_by_last_sent.first()?;
        (now.ms_since(last_sent) >= NOISY_IDLE_MS).then_some(group)
    }

    /// A tenant is not noisy any more.
    pub(super) fn clear_noisy(&mut self, slots: &Arena<Slot>, group: u32) {
        self.set_noisy(group, false);
        self.reposition(slots, group);
    }

    /// Adds what only this structure knows.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.groups = self.tenants.len();
        counts.noisy_groups = self.noisy_by_last_sent.len();
        counts.quiet_visible = counts.visible - self.noisy_counts.visible;
        counts.quiet_in_flight = counts.in_flight - self.noisy_counts.in_flight;
        counts.quiet_delayed = counts.delayed - self.noisy_counts.delayed;
    }

    /// The names of noisy tenants, up to `limit`.
    pub(super) fn noisy(&self, limit: usize) -> Vec<Arc<str>> {
        self.noisy_by_last_sent.iter().take(limit).filter_map(|&(_, group)| self.tenants.name(group)).collect()
    }

    fn set_noisy(&mut self, group: u32, noisy: bool) {
        let tenant = &mut self.tenants[group];
        tenant.noisy = noisy;
        let key = (tenant.last_sent, group);
        let (own, all) = (tenant.counts, &mut self.noisy_counts);
        if noisy {
            self.noisy_by_last_sent.insert(key);
            all.visible += own.visible;
            all.in_flight += own.in_flight;
            all.delayed += own.delayed;
        } else {
            self.noisy_by_last_sent.remove(&key);
            all.visible -= own.visible;
            all.in_flight -= own.in_flight;
            all.delayed -= own.delayed;
        }
    }

    /// Brings a tenant to its position among those that are ready, after a change.
    fn reposition(&mut self, slots: &Arena<Slot>, group: u32) {
        if self.tenants[group].noisy && self.tenants[group].counts.backlog() == 0 {
            self.set_noisy(group, false);
        }
        let tenant = &mut self.tenants[group];
        let ready = match tenant.lane.first(slots) {
            None => ReadyKey::None,
            Some((order, _)) if tenant.noisy => ReadyKey::Noisy(tenant.counts.in_flight, order),
            Some((order, _)) => ReadyKey::Quiet(order),
        };
        let before = std::mem::replace(&mut tenant.ready, ready);
        if before == ready {
            return;
        }
        match before {
            ReadyKey::None => {}
            ReadyKey::Quiet(order) => {
                self.ready_quiet.remove(&(order, group));
            }
            ReadyKey::Noisy(in_flight, order) => {
                self.ready_noisy.remove(&(in_flight, order, group));
            }
        }
        match ready {
            ReadyKey::None => {}
            ReadyKey::Quiet(order) => {
                self.ready_quiet.insert((order, group));
            }
            ReadyKey::Noisy(in_flight, order) => {
                self.ready_noisy.insert((in_flight, order, group));
            }
        }
    }
}
