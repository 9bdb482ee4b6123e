//! The scenario's cloud as a plugin meets it.

use super::*;

fn cloud(text: &str) -> Declared {
    let scenario = Scenario::parse("x", &format!("[service]\n{text}")).unwrap();
    Declared::new(&scenario, Secrets::default())
}

async fn ask(cloud: &Declared, line: &str, body: Value) -> (u16, Value) {
    let (method, target) = line.split_once(' ').unwrap();
    let call = Call {
        method: method.into(),
        host: "api.example.com".into(),
        target: target.into(),
        headers: vec![],
        body: if body.is_null() { vec![] } else { body.to_string().into_bytes() },
    };
    let answer = cloud.answer(&call).await.unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

const THINGS: &str = r#"
[[resource]]
name = "thing"
path = "/v1/things"
id = "th-{{seq}}"
wrap = "thing"
list = "things"
unique = "name"
[resource.members]
status = "ready"
url = "https://{{id}}.example.com"
password = "{{secret.password}}"

[[resource]]
name = "part"
path = "/v1/things/{thing}/parts"
"#;

#[tokio::test]
async fn a_resource_lives() {
    let cloud = cloud(THINGS);
    let named = json!({"thing": {"name": "a", "size": {"cpu": 1, "memory": 2}}});
    let (status, made) = ask(&cloud, "POST /v1/things", named.clone()).await;
    assert_eq!(status, 201);
    assert_eq!((&made["thing"]["id"], &made["thing"]["status"]), (&json!("th-1"), &json!("ready")));
    assert_eq!(made["thing"]["url"], "https://th-1.example.com");
    assert!(made["thing"]["password"].as_str().unwrap().starts_with("kit-"));
    assert_eq!(ask(&cloud, "POST /v1/things", named).await.0, 409);
    let (_, changed) = ask(&cloud, "PATCH /v1/things/th-1", json!({"size": {"cpu": 4}, "id": "no"})).await;
    assert_eq!(
        (&changed["thing"]["size"], &changed["thing"]["id"]),
        (&json!({"cpu": 4, "memory": 2}), &json!("th-1"))
    );
    assert_eq!(ask(&cloud, "GET /v1/things?name=b", Value::Null).await.1, json!({"things": []}));
    assert_eq!(ask(&cloud, "GET /v1/things?name=a&limit=5", Value::Null).await.1["things"][0]["id"], "th-1");
    assert_eq!(cloud.census().unwrap()["thing"], 1);
    assert_eq!(ask(&cloud, "POST /v1/things/th-1/parts", json!({})).await.0, 201);
    assert_eq!(ask(&cloud, "DELETE /v1/things/th-1", Value::Null).await.0, 204);
    assert_eq!(ask(&cloud, "GET /v1/things/th-1", Value::Null).await.0, 404);
    assert_eq!(cloud.census().unwrap(), [("thing".to_owned(), 0), ("part".to_owned(), 0)].into());
}

#[tokio::test]
async fn put_makes_under_the_name_in_the_path() {
    let cloud = cloud(
        "[[resource]]\nname = \"b\"\npath = \"/\"\ncreate = \"PUT\"\nid-member = \"name\"\ncreated = 200",
    );
    assert_eq!(ask(&cloud, "PUT /my%20bucket", json!({"acl": "x"})).await.0, 200);
    assert_eq!(
        ask(&cloud, "GET /my%20bucket", Value::Null).await.1,
        json!({"acl": "x", "name": "my bucket"})
    );
    ask(&cloud, "PUT /my%20bucket", json!({"acl": "y"})).await;
    assert_eq!(cloud.census().unwrap()["b"], 1);
}

#[tokio::test]
async fn fixed_answers_come_first_and_know_what_is_there() {
    let cloud = cloud(
        r#"
[[answer]]
on = "POST /graphql"
containing = "projectCreate"
makes = "project"
body = { data = { projectCreate = { id = "p-{{seq}}", name = "{{body.variables.name}}" } } }
[[answer]]
on = "POST /graphql"
containing = "projects"
needs = "project"
body = { data = { projects = ["p-1"] } }
[[answer]]
on = "POST /graphql"
body = '{"data": {"projects": []}}'
[[answer]]
on = "GET /slow/{id}"
times = 1
status = 202
headers = { Location = "/slow/{{path.id}}" }
"#,
    );
    assert_eq!(
        ask(&cloud, "POST /graphql", json!({"query": "projects"})).await.1["data"]["projects"],
        json!([])
    );
    let (_, made) =
        ask(&cloud, "POST /graphql", json!({"query": "projectCreate", "variables": {"name": "n"}})).await;
    assert_eq!(made["data"]["projectCreate"], json!({"id": "p-1", "name": "n"}));
    assert_eq!(
        ask(&cloud, "POST /graphql", json!({"query": "projects"})).await.1["data"]["projects"],
        json!(["p-1"])
    );
    assert_eq!(cloud.census().unwrap()["project"], 1);
    assert_eq!(ask(&cloud, "GET /slow/7", Value::Null).await.0, 202);
    assert_eq!(ask(&cloud, "GET /slow/7", Value::Null).await.0, 404);
}

#[tokio::test]
async fn others_may_change_and_remove() {
    let cloud = cloud(THINGS);
    assert!(!cloud.change(None, &Map::new()) && !cloud.wipe());
    ask(&cloud, "POST /v1/things", json!({"name": "a"})).await;
    assert!(cloud.change(Some("thing"), json!({"name": "b"}).as_object().unwrap()));
    assert_eq!(ask(&cloud, "GET /v1/things/th-1", Value::Null).await.1["thing"]["name"], "b");
    assert!(cloud.wipe());
    assert_eq!(cloud.census().unwrap()["thing"], 0);
}
