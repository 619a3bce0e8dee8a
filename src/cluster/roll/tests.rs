//! Who is suspected when, by table and by chance.

use super::*;

const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);

fn member(id: NodeId, beat: i64) -> Member {
    Member { id, state: NodeState::Serving, beat, queues: 0 }
}

/// What one round of the observer meets: when it began, how long it took, and the beat of the peer; none if it failed.
type Step = (u64, u64, Option<i64>);

/// The steps after which the peer is suspected.
fn suspected_after(steps: &[Step]) -> Vec<usize> {
    let mut roll = Roll::new(ME);
    let mut found = Vec::new();
    for (number, &(began_ms, took_ms, beat)) in steps.iter().enumerate() {
        match beat {
            Some(beat) => {
                let round = roll.round(began_ms, began_ms + took_ms, &[member(ME, number as i64), member(PEER, beat)]);
                if round.suspects == [(Suspect { id: PEER, beat })] {
                    found.push(number);
                } else {
                    assert_eq!(round.suspects, [], "this node never suspects itself");
                }
            }
            None => roll.round_failed(),
        }
    }
    found
}

/// Rounds as they should be, 1.1 seconds from one to the next, with these beats of the peer.
fn rounds(beats: &[Option<i64>]) -> Vec<Step> {
    beats.iter().enumerate().map(|(number, beat)| (number as u64 * 1_100, 100, *beat)).collect()
}

#[test]
fn a_node_is_suspected_after_six_rounds_in_a_row_without_a_beat() {
    let (a, b, c, failed) = (Some(7), Some(8), Some(6), None);
    let cases: [(&str, Vec<Step>, &[usize]); 9] = [
        ("the first round only learns the beat", rounds(&[a; 6]), &[]),
        ("six more without another", rounds(&[a; 9]), &[6, 7, 8]),
        ("a beat, and they are counted anew", rounds(&[a, a, a, a, a, a, b, b, b, b, b, b, b]), &[12]),
        ("a beat that was set back is a beat", rounds(&[a, a, a, a, a, a, c, c, c, c, c, c, c]), &[12]),
        ("a suspect that beats is none any more", rounds(&[a, a, a, a, a, a, a, b, b]), &[6]),
        ("a round that fails counts for nothing", rounds(&[a, a, a, a, a, a, failed, failed, a]), &[]),
        ("and after it six are needed", rounds(&[a, a, failed, a, a, a, a, a, a]), &[8]),
        ("rounds that follow too soon are not counted", (0..20).map(|n| (n * 500, 10, a)).collect(), &[18, 19]),
        ("nor those that begin a second after a slow one", (0..12).map(|n| (n * 1_000, 900, a)).collect(), &[]),
    ];
    for (what, steps, expected) in cases {
        assert_eq!(suspected_after(&steps), expected, "{what}");
    }
}

/// Whoever is told to look does so at once, and again when the next round is due that counts: however often that is, it puts off
/// nothing.
#[test]
fn rounds_that_come_sooner_put_off_no_suspicion() {
    for look_ms in [10, 90, 333, 900, 999, 1_001, 5_000] {
        let (mut roll, mut now, mut look_at) = (Roll::new(ME), 0, look_ms);
        while roll.round(now, now + 20, &[member(ME, 0), member(PEER, 7)]).suspects.is_empty() {
            now += 20;
            while look_at < now {
                look_at += look_ms;
            }
            now = roll.due_ms().max(now).min(look_at);
            // A round that is under way when one is due that counts is waited for.
            assert!(now <= 6 * (1_020 + 20), "looked every {look_ms} ms, and not suspected at {now}");
        }
        assert!(now >= 6_000, "looked every {look_ms} ms, and suspected at {now}");
    }
}

#[test]
fn a_node_that_comes_later_or_comes_back_is_counted_from_then() {
    let mut roll = Roll::new(ME);
    for number in 0..20 {
        let mut members = vec![member(ME, number)];
        if number >= 10 {
            members.push(member(PEER, 0));
        }
        let round = roll.round(number as u64 * 1_000, number as u64 * 1_000, &members);
        assert_eq!(round.suspects.is_empty(), number < 16, "{number}");
    }
    assert_eq!(roll.others().count(), 0);
    let gone = Member { state: NodeState::Gone, ..member(PEER, 0) };
    assert_eq!(roll.round(30_000, 30_000, &[member(ME, 30), gone]).suspects, []);
    assert_eq!(roll.others().count(), 0);
}

#[test]
fn a_killed_node_is_suspected_when_its_port_refuses_and_it_has_no_session() {
    let mut roll = Roll::new(ME);
    roll.round(0, 1, &[member(ME, 0), member(PEER, 5)]);
    assert_eq!(roll.refused(PEER, 1), None, "it lives, and is about to listen or to stop");
    assert_eq!(roll.refused(PEER, 0), Some(Suspect { id: PEER, beat: 5 }));
    assert_eq!(roll.refused(NodeId(3), 0), None, "nobody knows it");
}

#[test]
fn the_lease_begins_with_the_round_that_confirmed_the_beat() {
    let mut roll = Roll::new(ME);
    assert!(!roll.has_lease(0), "before the first round");
    roll.round(1_000, 4_500, &[member(PEER, 1)]);
    assert!(!roll.has_lease(4_500), "it has not joined");
    assert!(!roll.round(5_000, 5_700, &[member(ME, 0), member(PEER, 1)]).gone);
    assert!(roll.has_lease(8_999) && !roll.has_lease(9_000));
    roll.round_failed();
    assert!(roll.has_lease(8_999), "what was confirmed stays");
    let draining = Member { state: NodeState::Draining, ..member(ME, 1) };
    assert!(!roll.round(8_000, 8_001, &[draining]).gone);
    assert!(roll.has_lease(11_999));
    let gone = Member { state: NodeState::Gone, ..draining };
    assert!(roll.round(9_000, 9_001, &[gone]).gone);
    assert!(!roll.has_lease(9_001), "at once");
}

#[test]
fn a_node_that_was_forgotten_is_gone_and_one_that_has_not_joined_is_not() {
    let mut roll = Roll::new(ME);
    assert!(!roll.round(0, 1, &[]).gone);
    assert!(!roll.round(1_000, 1_001, &[member(ME, 0)]).gone);
    assert!(roll.round(2_000, 2_001, &[]).gone);
    assert!(!roll.has_lease(2_001));
}

#[test]
fn queues_are_given_to_nodes_that_serve_and_are_alive() {
    let mut roll = Roll::new(ME);
    let (draining, dead, alive) = (NodeId(4), NodeId(5), NodeId(6));
    for number in 0..8 {
        let members = [
            Member { queues: 3, ..member(ME, number) },
            Member { state: NodeState::Draining, ..member(draining, number) },
            member(dead, 0),
            Member { queues: 9, ..member(alive, number) },
            Member { state: NodeState::Gone, ..member(NodeId(7), 0) },
        ];
        roll.round(number as u64 * 1_000, number as u64 * 1_000, &members);
    }
    assert_eq!(roll.suspects(), [Suspect { id: dead, beat: 0 }]);
    assert_eq!(roll.heirs(), [Load { id: alive, queues: 9 }, Load { id: ME, queues: 3 }]);
    let others: Vec<_> = roll.others().map(|member| member.id).collect();
    assert_eq!(others, [draining, alive]);
}

/// An observer and a peer, each with a clock of its own that goes too fast or too slow, and a database that now and then is slow,
/// stalls, or fails over and takes the last beats back.
struct Scene {
    random: fastrand::Rng,
    /// Real time, in milliseconds.
    now: u64,
    /// What the database holds: the beat of the peer, and the one that a failover goes back to.
    beat: i64,
    kept: i64,
    stalled_until: u64,
}

impl Scene {
    fn pause(&mut self) -> u64 {
        match self.random.u32(0..20) {
            0 => self.random.u64(1_000..8_000),
            1..4 => self.random.u64(200..1_500),
            _ => self.random.u64(1..40),
        }
    }
}

fn own_clock(now: u64, percent: u64) -> u64 {
    now * percent / 100
}

#[test]
fn nobody_is_suspected_within_its_lease_or_by_mistake_and_a_dead_node_always_is() {
    for seed in 0..3_000 {
        let mut scene = Scene { random: fastrand::Rng::with_seed(seed), now: 0, beat: 0, kept: 0, stalled_until: 0 };
        let (mine, its) = (scene.random.u64(85..116), scene.random.u64(85..116));
        let (mut observer, mut peer) = (Roll::new(ME), Roll::new(PEER));
        let dies_at = scene.random.u64(5_000..60_000);
        // The next thing that each does, in real time; a round of the peer that is under way, with its beginning by its clock.
        let (mut observes_at, mut beats_at) = (0, 0);
        let mut last_sign = 0;
        let mut suspected_at = None;
        while scene.now < 140_000 && suspected_at.is_none() {
            scene.now = observes_at.min(beats_at);
            if scene.random.u32(0..200) == 0 && scene.now < dies_at {
                scene.stalled_until = scene.now + scene.random.u64(0..15_000);
            }
            let stalls = scene.now < scene.stalled_until;
            if scene.now == beats_at {
                if scene.now >= dies_at {
                    beats_at = u64::MAX;
                    continue;
                }
                let began = own_clock(scene.now, its);
                let took = scene.random.u64(1..300);
                beats_at = scene.now + took + scene.pause().max(1_000);
                if stalls {
                    peer.round_failed();
                } else {
                    scene.kept = scene.beat;
                    scene.beat += 1;
                    last_sign = scene.now;
                    // The answer may be lost.
                    if scene.random.u32(0..10) == 0 {
                        peer.round_failed();
                    } else {
                        peer.round(began, began + own_clock(took, its), &[member(PEER, scene.beat)]);
                    }
                }
            } else {
                let began = own_clock(scene.now, mine);
                let took = scene.random.u64(1..300);
                let ended = began + own_clock(took, mine);
                let failover = scene.random.u32(0..100) == 0;
                if failover {
                    scene.beat = scene.kept;
                }
                if stalls || failover || scene.random.u32(0..60) == 0 {
                    observer.round_failed();
                } else if !observer.round(began, ended, &[member(PEER, scene.beat)]).suspects.is_empty() {
                    suspected_at = Some(scene.now);
                }
                // Rounds are a second apart, now and then more; the observer may be stopped for a while.
                observes_at =
                    scene.now + took + 1_000 * 100 / mine + 1 + if scene.random.bool() { 0 } else { scene.pause() };
            }
            if let Some(at) = suspected_at {
                assert!(!peer.has_lease(own_clock(at, its)), "seed {seed}: suspected within its lease");
                assert!(at >= last_sign + 5_000, "seed {seed}: a beat {} ms ago", at - last_sign);
            }
        }
        assert!(suspected_at.is_some(), "seed {seed}: never suspected");
    }
}
