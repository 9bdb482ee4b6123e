//! The stand-in for Railway: a project's life, its refusals, and the plugin's documents by the schema.

use serde_json::{Value, json};
use ss_clouds::spec::{self, GraphqlSchema};
use ss_clouds::{Client, Cloud, Habits, Pace, Running};

fn railway(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::railway(habits).start().expect("a free port");
    let client = cloud.client();
    (cloud, client)
}

/// Sends a document and gives its data, or the first error's words.
fn send(client: &Client, query: &str, variables: Value) -> Result<Value, String> {
    let body = json!({ "query": query, "variables": variables });
    let answer = client.post("/graphql/v2", &body).expect("an answer").json();
    match answer["errors"][0]["message"].as_str() {
        Some(message) => Err(message.to_owned()),
        None => Ok(answer["data"].clone()),
    }
}

fn made(client: &Client) -> (Value, Value, Value) {
    let query = "mutation A($input: ProjectCreateInput!) { projectCreate(input: $input) { id environments { edges { node { id } } } } }";
    let project = send(client, query, json!({ "input": { "name": "a" } })).expect("a project");
    let project = &project["projectCreate"];
    let environment = project["environments"]["edges"][0]["node"]["id"].clone();
    let query = "mutation A($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }";
    let input = json!({ "projectId": project["id"], "environmentId": environment, "name": "web" });
    let service = send(client, query, json!({ "input": input })).expect("a service");
    (project["id"].clone(), environment, service["serviceCreate"]["id"].clone())
}

const UPDATE: &str = "mutation A($e: String!, $s: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(environmentId: $e, serviceId: $s, input: $input) }";
const DEPLOY: &str =
    "mutation A($e: String!, $s: String!) { serviceInstanceDeployV2(environmentId: $e, serviceId: $s) }";
const STATUS: &str = "query A($id: String!) { deployment(id: $id) { status } }";

#[test]
fn a_life_agrees_with_the_schema() {
    let (cloud, client) = railway(Habits { pace: Pace::Requests(3), ..Habits::default() });
    let (project, environment, service) = made(&client);
    let place = json!({ "e": environment, "s": service });
    assert!(send(&client, DEPLOY, place.clone()).is_err(), "there is nothing to run yet");
    let mut update = place.clone();
    update["input"] = json!({ "source": { "image": "nginx" }, "numReplicas": 2 });
    send(&client, UPDATE, update).expect("updated");
    let deployment = send(&client, DEPLOY, place).expect("deployed")["serviceInstanceDeployV2"].clone();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|status| status != "SUCCESS") {
        let status = send(&client, STATUS, json!({ "id": deployment })).expect("a deployment");
        seen.push(status["deployment"]["status"].as_str().expect("a state").to_owned());
    }
    assert!(seen.contains(&"DEPLOYING".to_owned()), "{seen:?}");
    assert_eq!(cloud.railway_projects()[0].services[0].source["image"], "nginx");
    let delete = "mutation A($id: String!) { projectDelete(id: $id) }";
    send(&client, delete, json!({ "id": project })).expect("deleted");
    assert!(cloud.railway_projects().is_empty());
    let read = "query A($id: String!) { project(id: $id) { deletedAt } }";
    let read = || send(&client, read, json!({ "id": project }));
    assert!(read().expect("still there")["project"]["deletedAt"].is_string());
    while read().is_ok() {}
    assert_eq!(read().expect_err("gone"), "Not Authorized");
    spec::assert_agrees(&cloud);
}

#[test]
fn it_refuses_in_railways_way() {
    let (cloud, client) = railway(Habits { key: Some("right".to_owned()), ..Habits::default() });
    let client = client.header("authorization", "Bearer wrong");
    let refused = client.post("/graphql/v2", &json!({ "query": "{ me { id } }" })).expect("an answer");
    assert_eq!(
        (refused.status, refused.json()["errors"][0]["message"].as_str()),
        (200, Some("Not Authorized"))
    );
    let client = client.header("authorization", "Bearer right");
    made(&client);
    let twice = "mutation A($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }";
    let project = cloud.railway_projects()[0].id.clone();
    let input = json!({ "input": { "projectId": project, "name": "web" } });
    assert!(send(&client, twice, input).expect_err("taken").contains("already exists"));
    for broken in ["{ me { surname } }", "{ nobody { id } }"] {
        assert!(send(&client, broken, json!({})).is_err());
    }
    for status in ["{ me", "query A { me { id } } query B { me { id } }"] {
        let answer = client.post("/graphql/v2", &json!({ "query": status })).expect("an answer");
        assert_eq!(answer.status, 400);
    }
}

/// The documents stand in one file of the plugin; whoever adds one has it checked.
#[test]
fn every_document_of_the_plugin_is_valid() {
    let path = spec::folder().join("railway.graphql");
    if !path.is_file() {
        eprintln!("\n*** THIS TEST DID NOT RUN: there is no {} ***\n", path.display());
        return;
    }
    let schema = GraphqlSchema::read(&path).expect("a schema");
    let source = include_str!("../../../plugins/railway/src/documents.rs");
    let constants: Vec<&str> = source.split("pub const ").skip(1).collect();
    assert!(constants.len() > 20);
    for constant in constants {
        let (name, rest) = constant.split_once(':').expect("a name");
        let literal = rest.split_once('"').and_then(|(_, text)| text.split_once("\";")).expect("a text").0;
        let document: Vec<&str> = literal.split("\\\n").map(str::trim_start).collect();
        assert_eq!(schema.check_document(&document.concat()), [""; 0], "{name}");
    }
    assert_ne!(schema.check_document("{ me { surname } }"), [""; 0], "it must be able to fail");
}
