//! A person's answer that comes through the agent's own client, in both revisions of the protocol.

use serde_json::{Value, json};

use crate::agents::{Agent, database, with};
use crate::rehearsal::{Rehearsal, immediate};

#[test]
fn a_person_answers_through_the_client_and_a_policy_for_all() {
    let rehearsal = Rehearsal::new(immediate());
    let environment = &rehearsal.environment;
    let arguments = database(&rehearsal);
    let mut agent = Agent::start(environment, &[], json!({ "elicitation": {} }));
    for (action, content) in [
        ("decline", json!({})),
        ("accept", json!({ "confirm": false })),
        ("accept", json!({ "confirm": true })),
    ] {
        let call = json!({ "name": "starsystem_provision_service", "arguments": arguments });
        let id = agent.begin("tools/call", call);
        let question = agent.receive();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert!(
            question["params"]["message"].as_str().unwrap().contains("create app-db (neon)"),
            "{question}"
        );
        agent.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": action, "content": content } }));
        let answer = agent.receive();
        assert_eq!(answer["id"], id);
        let yes = content["confirm"] == true;
        assert_eq!(answer["result"]["isError"] != true, yes, "{answer:#}");
        assert_eq!(rehearsal.neon.projects().len(), usize::from(yes));
    }
    drop(agent);
    let policy = "version = 1\n[[agents]]\nchanges = [\"destroy\"]\nenvironments = [\"prod\"]\nanswer = \"allow\"\n\
                  [[agents]]\nchanges = [\"provision\"]\nenvironments = [\"*\"]\nanswer = \"refuse\"\n";
    std::fs::write(environment.ss_home().join("policy.toml"), policy).unwrap();
    let mut agent = Agent::start(environment, &[], json!({}));
    let refused = agent.refused("starsystem_provision_service", arguments.clone());
    assert!(refused.to_string().contains("policy"), "{refused}");
    let gone = agent.ok("starsystem_destroy", json!({ "environment": "prod", "service_id": "app-db" }));
    assert_eq!((&gone["status"], &gone["approvedBy"]), (&json!("applied"), &json!("policy")));
    assert!(rehearsal.neon.projects().is_empty());
}

#[test]
fn a_client_of_the_newest_revision_comes_again_with_the_answer() {
    let rehearsal = Rehearsal::new(immediate());
    let arguments = database(&rehearsal);
    // No handshake: each request says what the client is.
    let mut agent = Agent::launch(&rehearsal.environment, &[]);
    let mut call = |more: Value| {
        let params = json!({
            "name": "starsystem_provision_service",
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
            },
        });
        agent.request("tools/call", with(&params, more))["result"].clone()
    };
    let answered = |action: &str, yes: bool, state: &Value| {
        json!({
            "inputResponses": { "approval": { "action": action, "content": { "confirm": yes } } },
            "requestState": state,
        })
    };
    let mut first = None;
    for (action, yes) in [("decline", true), ("accept", false), ("accept", true)] {
        let asked = call(json!({}));
        assert_eq!(asked["resultType"], "input_required", "{asked:#}");
        let question = &asked["inputRequests"]["approval"];
        assert_eq!(question["method"], "elicitation/create", "{question}");
        let message = question["params"]["message"].as_str().unwrap();
        assert!(message.contains("create app-db (neon)"), "{message}");
        let state = asked["requestState"].clone();

        let invented = call(answered("accept", true, &json!("0".repeat(64))));
        assert_eq!(invented["isError"], true, "{invented:#}");
        let answer = call(answered(action, yes, &state));
        let approved = action == "accept" && yes;
        assert_eq!(answer["isError"] != true, approved, "{answer:#}");
        assert_eq!(rehearsal.neon.projects().len(), usize::from(approved));
        if approved {
            assert_eq!(answer["structuredContent"]["approvedBy"], "person", "{answer:#}");
        }
        // An answer counts once, a no as well as a yes.
        rehearsal.forget_requests();
        let again = call(answered("accept", true, &state));
        assert_eq!(again["isError"], true, "{again:#}");
        assert!(again.to_string().contains("answered before"), "{again:#}");
        assert!(rehearsal.unsafe_requests().is_empty(), "{:?}", rehearsal.unsafe_requests());
        first.get_or_insert(state);
    }
    let old = call(answered("accept", true, &first.unwrap()));
    assert_eq!(old["isError"], true, "{old:#}");
}
