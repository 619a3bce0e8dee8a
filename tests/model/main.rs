//! The engine against a naive model: random operations and time jumps, the same answers after every step.

mod model;
mod observed;
mod run;

use proptest::prelude::*;
use proptest::test_runner::Config;

use run::{Step, run};

/// Enough cases to meet every rule many times, few enough to stay fast without optimisation.
const CASES: u32 = 384;

fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..5_u32, Just(30), Just(60)]
}

fn jump_ms() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..1_500_u64,
        3 => 1_000..6_000_u64,
        2 => Just(30_000_u64),
        1 => prop_oneof![Just(299_999_u64), Just(300_000), 50_000..400_000_u64],
    ]
}

/// Any operation but sending; `attempts` are for FIFO queues.
fn other(attempts: bool) -> impl Strategy<Value = Step> {
    let attempt = if attempts { prop::option::weighted(0.4, 0..2_u8).boxed() } else { Just(None).boxed() };
    prop_oneof![
        12 => (1..12_usize, seconds(), attempt, any::<bool>()).prop_map(|(max, timeout, attempt, dead)| {
            Step::Receive { max, timeout, attempt, dead }
        }),
        8 => any::<prop::sample::Index>().prop_map(Step::Delete),
        5 => (any::<prop::sample::Index>(), prop_oneof![
            9 => seconds(),
            1 => prop_oneof![Just(43_198_u32), Just(43_199), Just(43_200), 43_100..43_200_u32],
        ]).prop_map(|(which, timeout)| Step::Change { which, timeout }),
        2 => any::<prop::sample::Index>().prop_map(Step::DeleteRecent),
        3 => (0..3_u8).prop_map(Step::GiveBack),
        1 => (prop::option::of(0..3_u8), 0..200_000_u64, 0..3_u32, any::<bool>()).prop_map(
            |(group, sent_ago_ms, receive_count, restarted)| Step::Insert { group, sent_ago_ms, receive_count, restarted }
        ),
        1 => Just(Step::PutBackDead),
        2 => Just(Step::TakeOldest),
        8 => jump_ms().prop_map(Step::Jump),
        2 => Just(Step::Replay),
    ]
}

/// Operations that are rare, so that a run is not over with them.
fn rare() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Purge),
        (60..400_u32, prop_oneof![Just(0), 1..30_u32])
            .prop_map(|(retention, fifo_delay)| Step::Configure { retention, fifo_delay }),
    ]
}

fn standard_send(groups: u8) -> impl Strategy<Value = Step> {
    let group = if groups == 0 { Just(None).boxed() } else { prop::option::weighted(0.8, 0..groups).boxed() };
    (group, prop_oneof![3 => Just(0), 1 => 1..10_u32]).prop_map(|(group, delay)| Step::Send {
        group,
        deduplication: 0,
        delay,
    })
}

fn fifo_send() -> impl Strategy<Value = Step> {
    (0..3_u8, 0..40_u8).prop_map(|(group, deduplication)| Step::Send { group: Some(group), deduplication, delay: 0 })
}

fn start() -> impl Strategy<Value = run::Start> {
    (
        prop_oneof![1 => 1..8_usize, 3 => Just(120_000)],
        prop_oneof![Just(None), (1..6_u32).prop_map(Some)],
        prop_oneof![3 => Just(0), 1 => 1..5_u32],
        60..2_000_u32,
        any::<bool>(),
    )
        .prop_map(|(in_flight_max, max_receive_count, fifo_delay, retention, group_scope)| run::Start {
            in_flight_max,
            max_receive_count,
            fifo_delay,
            retention,
            group_scope,
        })
}

proptest! {
    #![proptest_config(Config { cases: CASES, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_standard_queue_agrees_with_the_model(
        start in start(),
        steps in prop::collection::vec(
            prop_oneof![12 => standard_send(0), 40 => other(false), 1 => rare()], 1..120),
    ) {
        run(false, &start, &steps);
    }

    #[test]
    fn a_standard_queue_with_groups_agrees_with_the_model(
        start in start(),
        steps in prop::collection::vec(
            prop_oneof![15 => standard_send(4), 40 => other(false), 1 => rare()], 1..120),
    ) {
        run(false, &start, &steps);
    }

    #[test]
    fn fair_queues_agree_with_the_model(
        steps in prop::collection::vec(prop_oneof![
            4 => standard_send(4),
            3 => (0..4_u8, 10..60_u8).prop_map(|(group, count)| Step::SendMany { group, count }),
            6 => (10..45_usize, prop_oneof![1 => Just(0), 5 => 5..100_u32])
                .prop_map(|(max, timeout)| Step::Receive { max, timeout, attempt: None, dead: false }),
            9 => other(false),
        ], 1..60),
    ) {
        let start = run::Start {
            in_flight_max: 120_000, max_receive_count: None, fifo_delay: 0, retention: 3_000, group_scope: false,
        };
        run(false, &start, &steps);
    }

    #[test]
    fn a_fifo_queue_agrees_with_the_model(
        start in start(),
        steps in prop::collection::vec(
            prop_oneof![20 => fifo_send(), 45 => other(true), 1 => rare()], 1..120),
    ) {
        run(true, &start, &steps);
    }
}
