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
fn the_openapi_document_has_every_endpoint_and_all_that_each_takes() {
    let kew = Kew::start();
    let (status, document) = kew.get("/openapi.json");
    assert_eq!((status, &document["openapi"]), (200, &serde_json::json!("3.1.0")));
    let about = kew.get("").1;
    let mut listed: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            listed.push(format!("{} {path}", method.to_uppercase()));
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{path}");
            if method != "get" && !parameters.is_empty() && in_path < parameters.len() {
                assert!(operation["requestBody"].is_object(), "{method} {path}");
            }
        }
    }
    let rows = about["endpoints"].as_array().unwrap().iter();
    let mut rows: Vec<String> =
        rows.map(|row| format!("{} {}", row["method"].as_str().unwrap(), row["path"].as_str().unwrap())).collect();
    listed.sort();
    rows.sort();
    assert_eq!(listed, rows);
    let members = |path: &str, method: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(members("/_kew/ns", "post"), ["name", "queues", "seed", "clock", "faults", "ttl", "port"]);
    assert_eq!(members("/_kew/reset", "post"), ["what"]);
    assert!(members("/_kew/clock/advance", "post").contains(&"by".to_owned()));
}

#[test]
fn every_endpoint_refuses_what_it_does_not_know_before_it_does_anything() {
    let kew = Kew::start();
    for row in kew.get("").1["endpoints"].as_array().unwrap() {
        let (method, path) = (row["method"].as_str().unwrap(), row["path"].as_str().unwrap());
        let parts: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let answer = kew.request(method, &format!("{}?-=1", parts.join("/")), &[], "");
        assert!([400, 404].contains(&answer.status), "{method} {path}: {answer:?}");
    }
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
