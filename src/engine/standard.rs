//! Who is next in a standard queue: send order, and fair queues for messages with a group.
//!
//! Messages without a group stand in one lane. Each message group ("tenant") has a lane of its own, and the tenants
//! stand in one of two lines: the quiet ones by the order of their first message, together with the lane of messages
//! without a group; and, served only when nothing of that kind is left, the noisy ones, fewest in flight first.
//!
//! A tenant turns noisy when a receive brings it to at least 30 messages in flight and to more than 10 % of all
//! messages in flight. It stops being noisy when it has no backlog (visible or delayed) left, or when it has sent
//! nothing for five minutes. (AWS documents these numbers; its second criterion, a share of processing time, is
//! not modelled.)

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arena::{Arena, NONE};
use super::groups::Groups;
use super::list::{LANE, List};
use super::settings::Counts;
use super::slot::{Place, Slot};
use super::time::Time;

/// A tenant with fewer messages in flight is never noisy.
pub const NOISY_IN_FLIGHT_MIN: usize = 30;
/// A noisy tenant has more than one part in this many of all messages in flight.
pub const NOISY_SHARE_DIVISOR: usize = 10;
/// A tenant that has sent nothing for this many milliseconds is not noisy.
pub const NOISY_IDLE_MS: u64 = 300_000;

/// Visible messages in ascending order. New ones arrive in order; only those that came back have to be sorted in.
struct Lane {
    fresh: List<LANE>,
    returned: BTreeSet<(u64, u32)>,
}

impl Lane {
    const fn new() -> Lane {
        Lane { fresh: List::new(), returned: BTreeSet::new() }
    }

    fn add(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let order = slots[slot].order;
        let last = self.fresh.tail();
        if last.is_none_or(|last| slots[last].order < order) {
            slots[slot].place = Place::Fresh;
            self.fresh.push_back(slots, slot);
        } else {
            slots[slot].place = Place::Returned;
            self.returned.insert((order, slot));
        }
    }

    fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        match slots[slot].place {
            Place::Fresh => self.fresh.remove(slots, slot),
            Place::Returned => {
                self.returned.remove(&(slots[slot].order, slot));
            }
            Place::Held | Place::InFlight | Place::Delayed => {}
        }
    }

    fn first(&self, slots: &Arena<Slot>) -> Option<(u64, u32)> {
        let fresh = self.fresh.head().map(|slot| (slots[slot].order, slot));
        match (fresh, self.returned.first().copied()) {
            (Some(fresh), Some(returned)) => Some(fresh.min(returned)),
            (one, other) => one.or(other),
        }
    }
}

/// How many messages, by state.
#[derive(Clone, Copy, Default)]
struct Tally {
    visible: usize,
    in_flight: usize,
    delayed: usize,
}

impl Tally {
    fn of(&mut self, place: Place) -> &mut usize {
        match place {
            Place::Fresh | Place::Returned | Place::Held => &mut self.visible,
            Place::InFlight => &mut self.in_flight,
            Place::Delayed => &mut self.delayed,
        }
    }

    fn backlog(self) -> usize {
        self.visible + self.delayed
    }
}

/// Where a tenant stands in line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// It has nothing to give.
    None,
    /// By the order of its first message.
    Quiet(u64),
    /// By its messages in flight, then by the order of its first message.
    Noisy(usize, u64),
}

/// One message group of a standard queue.
struct Tenant {
    lane: Lane,
    tally: Tally,
    last_sent: Time,
    noisy: bool,
    seat: Seat,
}

/// The lines of a standard queue.
pub(super) struct Standard {
    /// Messages without a group.
    loose: Lane,
    tenants: Groups<Tenant>,
    quiet: BTreeSet<(u64, u32)>,
    noisy: BTreeSet<(usize, u64, u32)>,
    /// All noisy tenants by their latest send, to find those that fell silent.
    noisy_by_last_sent: BTreeSet<(Time, u32)>,
    /// The messages of noisy tenants.
    noisy_tally: Tally,
}

impl Standard {
    pub(super) fn new() -> Standard {
        Standard {
            loose: Lane::new(),
            tenants: Groups::new(),
            quiet: BTreeSet::new(),
            noisy: BTreeSet::new(),
            noisy_by_last_sent: BTreeSet::new(),
            noisy_tally: Tally::default(),
        }
    }

    /// The message to deliver next.
    pub(super) fn next(&self, slots: &Arena<Slot>) -> Option<u32> {
        let loose = self.loose.first(slots);
        let quiet = self.quiet.first().copied();
        let tenant = match (loose, quiet) {
            (Some((order, slot)), quiet) if quiet.is_none_or(|quiet| order < quiet.0) => {
                return Some(slot);
            }
            (_, Some((_, tenant))) => tenant,
            (_, None) => self.noisy.first()?.2,
        };
        self.tenants[tenant].lane.first(slots).map(|(_, slot)| slot)
    }

    /// The name of a message's group.
    pub(super) fn group_name(&self, group: u32) -> Option<Arc<str>> {
        self.tenants.name(group)
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared_name(&self, name: Box<str>) -> Arc<str> {
        self.tenants.shared(name)
    }

    /// A message of this group arrives; `put` has to follow.
    pub(super) fn enter(&mut self, name: &Arc<str>, sent: Time) -> u32 {
        let group = self.tenants.enter(name, || Tenant {
            lane: Lane::new(),
            tally: Tally::default(),
            last_sent: sent,
            noisy: false,
            seat: Seat::None,
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

    /// Takes a message out of its lane and out of the numbers; `put` or `leave` has to follow.
    pub(super) fn lift(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let Slot { group, place, .. } = slots[slot];
        if group == NONE {
            self.loose.remove(slots, slot);
            return;
        }
        let tenant = &mut self.tenants[group];
        tenant.lane.remove(slots, slot);
        *tenant.tally.of(place) -= 1;
        if tenant.noisy {
            *self.noisy_tally.of(place) -= 1;
        }
    }

    /// Puts a message where `place` says; `Fresh` or `Returned` is chosen here.
    pub(super) fn put(&mut self, slots: &mut Arena<Slot>, slot: u32, place: Place) {
        let group = slots[slot].group;
        slots[slot].place = place;
        let visible = matches!(place, Place::Fresh | Place::Returned);
        if group == NONE {
            if visible {
                self.loose.add(slots, slot);
            }
            return;
        }
        let tenant = &mut self.tenants[group];
        if visible {
            tenant.lane.add(slots, slot);
        }
        *tenant.tally.of(place) += 1;
        if tenant.noisy {
            *self.noisy_tally.of(place) += 1;
        }
        self.settle(slots, group);
    }

    /// A lifted message of this group leaves the queue.
    pub(super) fn leave(&mut self, slots: &Arena<Slot>, group: u32) {
        if group == NONE {
            return;
        }
        self.settle(slots, group);
        let tally = self.tenants[group].tally;
        if tally.backlog() + tally.in_flight == 0 {
            self.tenants.leave(group);
        }
    }

    /// A message of this group was received at `now`, and `in_flight` messages of the queue are in flight with it.
    pub(super) fn received(&mut self, slots: &Arena<Slot>, group: u32, now: Time, in_flight: usize) {
        if group == NONE {
            return;
        }
        let tenant = &self.tenants[group];
        let own = tenant.tally.in_flight;
        if !tenant.noisy
            && own >= NOISY_IN_FLIGHT_MIN
            && own * NOISY_SHARE_DIVISOR > in_flight
            && tenant.tally.backlog() > 0
            && now.ms_since(tenant.last_sent) < NOISY_IDLE_MS
        {
            self.set_noisy(group, true);
            self.settle(slots, group);
        }
    }

    /// Whether a noisy tenant has fallen silent, so that `calm` has something to do.
    pub(super) fn silent(&self, now: Time) -> Option<u32> {
        let &(last_sent, group) = self.noisy_by_last_sent.first()?;
        (now.ms_since(last_sent) >= NOISY_IDLE_MS).then_some(group)
    }

    /// A tenant is not noisy any more because it fell silent.
    pub(super) fn calm(&mut self, slots: &Arena<Slot>, group: u32) {
        self.set_noisy(group, false);
        self.settle(slots, group);
    }

    /// Adds what only this structure knows.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.groups = self.tenants.len();
        counts.noisy_groups = self.noisy_by_last_sent.len();
        counts.quiet_visible = counts.visible - self.noisy_tally.visible;
        counts.quiet_in_flight = counts.in_flight - self.noisy_tally.in_flight;
        counts.quiet_delayed = counts.delayed - self.noisy_tally.delayed;
    }

    fn set_noisy(&mut self, group: u32, noisy: bool) {
        let tenant = &mut self.tenants[group];
        tenant.noisy = noisy;
        let key = (tenant.last_sent, group);
        let (own, all) = (tenant.tally, &mut self.noisy_tally);
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

    /// Brings a tenant to the seat it should have now.
    fn settle(&mut self, slots: &Arena<Slot>, group: u32) {
        if self.tenants[group].noisy && self.tenants[group].tally.backlog() == 0 {
            self.set_noisy(group, false);
        }
        let tenant = &mut self.tenants[group];
        let seat = match tenant.lane.first(slots) {
            None => Seat::None,
            Some((order, _)) if tenant.noisy => Seat::Noisy(tenant.tally.in_flight, order),
            Some((order, _)) => Seat::Quiet(order),
        };
        let before = std::mem::replace(&mut tenant.seat, seat);
        if before == seat {
            return;
        }
        match before {
            Seat::None => {}
            Seat::Quiet(order) => {
                self.quiet.remove(&(order, group));
            }
            Seat::Noisy(in_flight, order) => {
                self.noisy.remove(&(in_flight, order, group));
            }
        }
        match seat {
            Seat::None => {}
            Seat::Quiet(order) => {
                self.quiet.insert((order, group));
            }
            Seat::Noisy(in_flight, order) => {
                self.noisy.insert((in_flight, order, group));
            }
        }
    }
}
