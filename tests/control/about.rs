//! `GET /_kew`, and what every answer has.

use super::fixture::Kew;

#[test]
fn the_control_api_tells_what_it_can_do() {
    let kew = Kew::start();
    let (status, about) = kew.get("");
    assert_eq!(status, 200);
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert!(about["seed"].is_u64() && about["position"].is_u64() && about["nowMs"].is_u64());
    assert!(about["endpoints"].as_array().unwrap().iter().any(|row| row["path"] == "/_kew/queues"));
    let (status, text) = kew.text("GET", "/");
    assert!(status == 200 && text.starts_with("kew ") && text.contains("/_kew/queues"), "{text}");
}

#[test]
fn each_answer_names_the_version_of_the_api_and_is_not_to_be_kept() {
    let kew = Kew::start();
    for (path, status) in [("", 200), ("/queues", 200), ("/queues/none", 404), ("/nothing", 404)] {
        let answer = kew.request("GET", &format!("/_kew{path}"), &[], "");
        assert_eq!(answer.status, status, "{path}");
        assert_eq!((answer.header("kew-api"), answer.header("cache-control")), (Some("1"), Some("no-store")));
    }
}

#[test]
fn wrong_requests_are_told_the_nearest_right_name() {
    let kew = Kew::start();
    for (path, status, hint) in [
        ("/quues", 404, "did you mean /_kew/queues?"),
        ("/queues/order", 404, "did you mean `orders`?"),
        ("/queues?x=1", 400, ""),
    ] {
        let (got, error) = kew.get(path);
        assert_eq!((got, error["hint"].as_str()), (status, Some(hint)), "{error}");
        assert!(error["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let (status, error) = kew.delete("/queues");
    assert_eq!((status, error["hint"].as_str()), (400, Some("it takes GET")));
}
