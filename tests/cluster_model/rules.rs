//! The rules of the protocol, each of which can be switched off to see that it is needed.

/// What the nodes and the database keep to.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A commit is refused if its node is gone, and holds the node's row until it is done.
    pub fence_in_commit: bool,
    /// Whoever takes the queues of a node declares it gone in the same transaction.
    pub gone_before_takeover: bool,
    /// A batch whose outcome was not known and that is found committed is settled only when one more commit succeeded.
    pub barrier_after_unknown: bool,
    /// A batch whose outcome is not known is sent again with the number that it had.
    pub same_number_again: bool,
    /// If nobody knows what became of that commit either, the batch is sent again, and not the commit alone: the database may have
    /// failed over and lost the batch.
    pub batch_again: bool,
    /// The mark of a batch is kept until it is settled.
    pub marks_kept: bool,
    /// A new session of a node first ends the older ones, so that what they still had to do is not done any more. (It would have to be
    /// done when its mark is forgotten: with marks kept that is too rare to be looked for.)
    pub old_sessions_ended: bool,
    /// A queue that was loaded is served only when a commit after that has succeeded.
    pub barrier_after_load: bool,
    /// Loading a queue and the commit after that are one transaction: no failover of the database comes between.
    pub load_is_one_transaction: bool,
    /// A node that loads a queue looks whether it is the owner in the same transaction.
    pub load_checks_owner: bool,
    /// A queue that is handed over takes nothing any more from the moment at which that was given to the store.
    pub moving_takes_nothing: bool,
    /// What changes nothing, such as deleting a message that is not there, is acknowledged by a commit that begins later: a node that
    /// was stopped and is not the owner any more may have nothing else to learn that by.
    pub later_commit: bool,
    /// A FIFO queue's message is shown when it is durable that it was received.
    pub fifo_waits_for_commit: bool,
    /// A standard queue's message is shown when it is durable that it is there.
    pub shown_when_stored: bool,
    /// Numbers of messages are reserved in the queue's row before they are given out.
    pub numbers_reserved: bool,
    /// A message that leaves for a queue of another node holds that queue's row, and stays where it was if there is none.
    pub sent_holds_target: bool,
    /// DeleteQueue turns back what is on its way to the queue.
    pub delete_turns_back: bool,
    /// A batch that takes a message that is not on its way (any more) is refused.
    pub taken_is_checked: bool,
    /// What is on its way is read anew only when everything that was read before is durably taken.
    pub taken_is_settled_before_reading: bool,
    /// A source brings messages to a target of its own node directly only when all that it had sent before have been taken.
    pub direct_after_sent: bool,
    /// Whoever declares a node gone holds its beat too, so that it has no new lease while that waits for the standby.
    pub fence_holds_beat: bool,
    /// A beat counts when the standby has it: a primary whose place the standby has taken, and that lives, gives no lease.
    pub beat_waits: bool,
    /// A node answers from memory within its lease only.
    pub lease: bool,
}

/// All rules.
pub const ALL: Rules = Rules {
    fence_in_commit: true,
    gone_before_takeover: true,
    barrier_after_unknown: true,
    same_number_again: true,
    batch_again: true,
    marks_kept: true,
    old_sessions_ended: true,
    barrier_after_load: true,
    load_is_one_transaction: true,
    load_checks_owner: true,
    moving_takes_nothing: true,
    later_commit: true,
    fifo_waits_for_commit: true,
    shown_when_stored: true,
    numbers_reserved: true,
    sent_holds_target: true,
    delete_turns_back: true,
    taken_is_checked: true,
    taken_is_settled_before_reading: true,
    direct_after_sent: true,
    fence_holds_beat: true,
    beat_waits: true,
    lease: true,
};
