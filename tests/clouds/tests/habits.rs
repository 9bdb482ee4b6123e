//! Every bad habit, shown to work.

use std::time::{Duration, Instant};

use serde_json::json;
use ss_clouds::{Client, Cloud, Fault, Habits, Pace, RateLimit, Running, Trouble, spec};

fn fly(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::fly(habits).start().expect("a free port");
    let client = cloud.client();
    (cloud, client)
}

fn create(client: &Client, name: &str) -> std::io::Result<ss_clouds::Response> {
    client.post("/v1/apps", &json!({ "name": name, "org_slug": "personal" }))
}

#[test]
fn an_answer_is_lost_after_the_create_happened() {
    let (cloud, client) = fly(Habits::default());
    cloud.inject(Fault::of(Trouble::Lost { status: Some(502) }).on("POST", "apps"));
    assert_eq!(create(&client, "a").expect("an answer").status, 502);
    cloud.inject(Fault::of(Trouble::Lost { status: None }).on("POST", "apps"));
    assert!(create(&client, "b").is_err(), "the connection closes without an answer");
    let names: Vec<String> = cloud.apps().into_iter().map(|app| app.name).collect();
    assert_eq!(names, ["a", "b"]);
    let recorded = cloud.requests();
    assert_eq!((recorded[1].status, recorded[1].answer.is_some()), (None, true));
}

#[test]
fn a_refusal_or_a_closed_connection_does_nothing() {
    let (cloud, client) = fly(Habits {
        faults: vec![Fault::of(Trouble::refused(503)).times(2), Fault::of(Trouble::Closed)],
        ..Habits::default()
    });
    let statuses: Vec<Option<u16>> = (0..4).map(|_| create(&client, "a").ok().map(|r| r.status)).collect();
    assert_eq!(statuses, [Some(503), Some(503), None, Some(201)]);
    assert_eq!(cloud.apps().len(), 1);
}

#[test]
fn the_rate_limit_says_when_to_come_back() {
    let limit = RateLimit { after: 2, refuses: 1, retry_after: 7 };
    let (cloud, client) = fly(Habits { rate_limit: Some(limit), ..Habits::default() });
    let answers: Vec<_> = (0..4).map(|_| client.get("/v1/platform/regions").expect("an answer")).collect();
    assert_eq!(answers.iter().map(|a| a.status).collect::<Vec<_>>(), [200, 200, 429, 200]);
    assert_eq!(answers[2].header("retry-after"), Some("7"));
    cloud.calm();
    assert!((0..5).all(|_| client.get("/v1/platform/regions").expect("an answer").status == 200));
}

#[test]
fn what_is_new_is_not_seen_at_once() {
    let (cloud, client) = fly(Habits { unseen_for: 2, ..Habits::default() });
    create(&client, "a").expect("an answer");
    let statuses: Vec<u16> = (0..4).map(|_| client.get("/v1/apps/a").expect("an answer").status).collect();
    assert_eq!(statuses, [404, 404, 200, 200]);
    assert_eq!(create(&client, "a").expect("an answer").status, 422, "its name is taken from the start");
    spec::assert_agrees(&cloud);
}

#[test]
fn what_comes_with_a_project_is_seen_and_what_is_added_is_not() {
    let cloud = Cloud::neon(Habits { unseen_for: 1, pace: Pace::Immediate, ..Habits::default() });
    let cloud = cloud.start().expect("a free port");
    let client = cloud.client();
    let project = json!({ "project": { "name": "a", "org_id": "org-quiet-star-12345678" } });
    let created = client.post("/api/v2/projects", &project).expect("an answer").json();
    let id = |member: &str| created[member]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v2/projects/{}/branches/{}/databases", id("project"), id("branch"));
    let count = || client.get(&path).expect("an answer").json()["databases"].as_array().map(Vec::len);
    assert_eq!(count(), Some(1));
    let extra = json!({ "database": { "name": "extra", "owner_name": "neondb_owner" } });
    assert_eq!(client.post(&path, &extra).expect("an answer").status, 201);
    assert_eq!([count(), count()], [Some(1), Some(2)]);
}

#[test]
fn bodies_come_cut_slow_or_as_pages() {
    let (cloud, client) = fly(Habits::default());
    cloud.inject(Fault::of(Trouble::Truncated));
    let cut = client.get("/v1/platform/regions").expect("an answer");
    assert_eq!((cut.status, cut.json().is_null(), cut.text.is_empty()), (200, true, false));

    cloud.inject(Fault::of(Trouble::Html { status: 503 }));
    let page = client.get("/v1/platform/regions").expect("an answer");
    assert_eq!((page.status, page.header("content-type")), (503, Some("text/html; charset=utf-8")));

    let over = Duration::from_millis(240);
    cloud.inject(Fault::of(Trouble::Slow { over }));
    let begun = Instant::now();
    assert!(client.get("/v1/platform/regions").expect("an answer").json()["regions"].is_array());
    assert!(begun.elapsed() >= over);
}

#[test]
fn every_request_can_be_slow() {
    let latency = Duration::from_millis(60);
    let (_cloud, client) = fly(Habits { latency, ..Habits::default() });
    let begun = Instant::now();
    client.get("/v1/platform/regions").expect("an answer");
    assert!(begun.elapsed() >= latency);
}

#[test]
fn a_storm_repeats_with_its_seed() {
    let weather = |seed| {
        let (_cloud, client) = fly(Habits { seed, storm: 40, ..Habits::default() });
        let get = |_| client.get("/v1/platform/regions").ok().map(|answer| answer.status);
        (0..40).map(get).collect::<Vec<_>>()
    };
    let first = weather(3);
    assert_eq!(first, weather(3));
    assert_ne!(first, weather(4));
    assert!(first.contains(&Some(200)) && first.iter().any(|status| *status != Some(200)));
}

#[test]
fn it_stops_when_dropped_even_with_a_request_under_way() {
    let (cloud, client) = fly(Habits { latency: Duration::from_secs(30), ..Habits::default() });
    let waiting = std::thread::spawn(move || client.get("/v1/platform/regions").is_err());
    std::thread::sleep(Duration::from_millis(50));
    let url = cloud.url();
    let begun = Instant::now();
    drop(cloud);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(waiting.join().expect("the client ends"));
    let address = url.strip_prefix("http://").expect("an address");
    assert!(std::net::TcpStream::connect(address).is_err());
}
