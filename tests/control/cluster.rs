//! `/_kew/cluster` of a server that is not one of several nodes: it says so, and does nothing.

use super::fixture::Kew;
use serde_json::json;

#[test]
fn a_server_that_is_not_one_of_several_nodes_says_so() {
    let kew = Kew::start();
    let hint = "start it with --data postgres://..., --peer and --cluster-secret";
    for (status, error) in [
        kew.get("/cluster"),
        kew.post("/cluster/move", json!({"queue": "orders", "node": "7"})),
        kew.post("/cluster/move?queue=orders&node=7", json!(null)),
        kew.post("/cluster/drain", json!(null)),
    ] {
        assert_eq!((status, &error["error"]), (409, &json!("this kew is not one of several nodes")));
        assert_eq!(error["hint"], hint);
    }
    let (status, text) = kew.text("GET", "/cluster");
    assert_eq!((status, text), (409, format!("this kew is not one of several nodes\n  {hint}\n")));
}

#[test]
fn a_namespace_is_nothing_that_nodes_share() {
    let kew = Kew::start();
    assert_eq!(kew.post("/ns", json!({"name": "t1"})).0, 201);
    let (status, error) = kew.get("/ns/t1/cluster");
    assert_eq!((status, &error["error"]), (409, &json!("a namespace is of this kew alone")));
}

#[test]
fn what_a_move_is_not_told_is_asked_for_first() {
    let kew = Kew::start();
    for (body, error) in [
        (json!({"queue": "orders"}), "missing field `node`"),
        (json!({"node": 7}), "missing field `queue`"),
        (json!({"queue": "orders", "node": true}), "`node` is an id, a URL or a host"),
        (json!({"queue": "orders", "node": 7, "to": 8}), "unknown field `to`, expected `queue` or `node`"),
    ] {
        let (status, answer) = kew.post("/cluster/move", body);
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)));
    }
}
