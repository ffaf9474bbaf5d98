//! What operators and tools ask for: O1 to O3.

use e2e::Backend;
use e2e::framework::{FrameworkBed, framework_info, task};
use e2e::wire::*;
use mesos_v1::messages::master;
use prost::Message as _;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Longer than what one read gives.
const OUTPUT_BYTES: usize = 100_000;

async fn get(url: &str) -> (u16, String) {
    let response = client().get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get_json(url: &str) -> Value {
    let (status, text) = get(url).await;
    assert_eq!(status, 200, "{url}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn ask_json(address: &str, call: Value) -> (u16, Value) {
    let request = client().post(format!("http://{address}/api/v1"));
    let request = request.header("Content-Type", JSON).header("Accept", JSON).body(call.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

async fn ask(address: &str, kind: master::call::Type) -> master::Response {
    let call = master::Call { r#type: Some(kind.into()), ..master::Call::default() };
    let url = format!("http://{address}/api/v1");
    let response = post(&client(), &url, None, call.encode_to_vec()).await;
    assert_eq!(response.headers()["Content-Type"], PROTOBUF);
    master::Response::decode(response.bytes().await.unwrap()).unwrap()
}

/// The keys that an object lacks.
fn missing<'a>(object: &Value, keys: &'a str) -> Vec<&'a str> {
    keys.split_whitespace().filter(|key| object.get(key).is_none()).collect()
}

async fn mesos_o1_state_agents_and_health_of_the_operator_api(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, _executor) = run_one(&bed, &mut scheduler, "t").await;
    let master = bed.cluster.master();
    for address in [&master, &bed.cluster.agent(1)] {
        let (status, health) = ask_json(address, json!({ "type": "GET_HEALTH" })).await;
        assert_eq!((status, &health["get_health"]["healthy"]), (200, &json!(true)), "{health}");
    }
    assert_eq!(ask(&master, master::call::Type::GetHealth).await.get_health.map(|it| it.healthy), Some(true));

    let (_, agents) = ask_json(&master, json!({ "type": "GET_AGENTS" })).await;
    let agent = &agents["get_agents"]["agents"][0];
    assert_eq!(missing(agent, "agent_info active version pid registered_time total_resources"), [""; 0]);
    assert_eq!(agent["agent_info"]["id"]["value"], offer.agent_id.value);
    assert_eq!(agent["agent_info"]["hostname"], "agent-1");
    assert_eq!(agents["get_agents"]["recovered_agents"], json!([]));
    let agents = ask(&master, master::call::Type::GetAgents).await.get_agents.unwrap();
    assert_eq!(agents.agents[0].agent_info.id, Some(offer.agent_id.clone()));
    assert!(agents.agents[0].active);

    let (_, state) = ask_json(&master, json!({ "type": "GET_STATE" })).await;
    let state = &state["get_state"];
    assert_eq!(state["get_tasks"]["tasks"][0]["task_id"]["value"], "t");
    assert_eq!(state["get_tasks"]["tasks"][0]["state"], "TASK_RUNNING");
    assert_eq!(state["get_executors"]["executors"][0]["executor_info"]["executor_id"]["value"], "executor-t");
    let framework = &state["get_frameworks"]["frameworks"][0];
    assert_eq!(framework["framework_info"]["id"]["value"], scheduler.id.value);
    assert_eq!((&framework["active"], &framework["connected"]), (&json!(true), &json!(true)));
    let state = ask(&master, master::call::Type::GetState).await.get_state.unwrap();
    assert_eq!(state.get_tasks.unwrap().tasks[0].task_id, "t".into());
    assert_eq!(state.get_agents.unwrap().agents.len(), 1);
}

async fn mesos_o2_files_of_a_sandbox(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let command = format!("head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' x; touch done; exec sleep 3600");
    scheduler.accept(&[&offer], vec![task(&command, &offer, "t", b"")], 3600.0).await;
    let latest = sandbox(&bed, &offer, &scheduler, "t");
    wait_for("the output", async || latest.join("done").exists()).await;
    let folder = latest.canonicalize().unwrap();
    let file = folder.join("stdout");
    let agent = bed.cluster.agent(1);
    let base = format!("http://{agent}/files");

    let files = get_json(&format!("{base}/browse?path={}", folder.display())).await;
    let output = files.as_array().unwrap().iter().find(|one| one["path"] == file.to_str().unwrap()).unwrap();
    assert_eq!(output["size"], OUTPUT_BYTES);
    assert_eq!(missing(output, "path nlink size mtime mode uid gid"), [""; 0]);
    let read = async |query: &str| get_json(&format!("{base}/read?path={}{query}", file.display())).await;
    assert_eq!(read("").await, json!({ "data": "", "offset": OUTPUT_BYTES }));
    assert_eq!(read("&offset=-1").await, json!({ "data": "", "offset": OUTPUT_BYTES }));
    assert_eq!(read("&offset=1&length=2").await, json!({ "data": "xx", "offset": 1 }));
    assert_eq!(read("&offset=999999").await, json!({ "data": "", "offset": 999_999 }));
    // A read gives 16 pages at the most.
    assert_eq!(read("&offset=0").await["data"].as_str().unwrap().len(), 65_536);
    assert_eq!(get(&format!("{base}/browse")).await.0, 400);
    assert_eq!(get(&format!("{base}/browse?path=/no/such")).await.0, 404);
    assert_eq!(get(&format!("{base}/read?path=/etc/passwd&offset=0")).await.0, 404);
    assert_eq!(get(&format!("{base}/read?path={}&offset=-2", file.display())).await.0, 400);
    assert_eq!(get(&format!("{base}/read?path={}&offset=0", folder.display())).await.0, 400);
    let download = get(&format!("{base}/download?path={}", file.display())).await;
    assert_eq!((download.0, download.1.len()), (200, OUTPUT_BYTES));

    let read = async |offset: usize| {
        let call = json!({ "type": "READ_FILE", "read_file": { "path": file, "offset": offset } });
        ask_json(&agent, call).await
    };
    let (status, beyond) = read(OUTPUT_BYTES * 2).await;
    assert_eq!((status, &beyond["read_file"]["data"]), (200, &json!("")), "{beyond}");
    assert_eq!(beyond["read_file"]["size"], OUTPUT_BYTES);
    assert_eq!(read(OUTPUT_BYTES - 1).await.1["read_file"]["data"], "eA==");
}

async fn mesos_o3_state_and_metrics(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, _executor) = run_one(&bed, &mut scheduler, "t").await;
    let base = format!("http://{}", bed.cluster.master());
    let state = get_json(&format!("{base}/state")).await;
    let keys = "version start_time elected_time id pid hostname capabilities activated_slaves deactivated_slaves \
                unreachable_slaves leader leader_info flags slaves recovered_slaves frameworks completed_frameworks \
                orphan_tasks unregistered_frameworks";
    assert_eq!(missing(&state, keys), [""; 0]);
    let slave = &state["slaves"][0];
    let keys = "id hostname port pid attributes registered_time resources used_resources offered_resources \
                reserved_resources unreserved_resources active deactivated version capabilities";
    assert_eq!(missing(slave, keys), [""; 0]);
    assert_eq!((&slave["attributes"]["rack"], &slave["id"]), (&json!("a"), &json!(offer.agent_id.value)));
    assert_eq!(slave["resources"]["ports"], "[31000-32000]");
    let framework = &state["frameworks"][0];
    let keys = "id name user hostname webui_url role checkpoint failover_timeout active connected recovered \
                registered_time unregistered_time capabilities used_resources offered_resources tasks \
                unreachable_tasks completed_tasks offers executors";
    assert_eq!(missing(framework, keys), [""; 0]);
    assert_eq!(framework["used_resources"]["cpus"], 0.6, "the task's and its executor's");
    let task = &framework["tasks"][0];
    assert_eq!(
        missing(task, "id name framework_id executor_id slave_id state resources role statuses"),
        [""; 0]
    );
    assert_eq!(task["state"], "TASK_RUNNING");

    let summary = get_json(&format!("{base}/state-summary")).await;
    let (of_slave, of_framework) = (&summary["slaves"][0], &summary["frameworks"][0]);
    assert_eq!(
        missing(of_slave, "id hostname resources used_resources active TASK_STAGING framework_ids"),
        [""; 0]
    );
    assert_eq!(missing(of_framework, "id name active used_resources TASK_LOST slave_ids"), [""; 0]);
    assert_eq!((&of_slave["TASK_RUNNING"], &of_framework["TASK_RUNNING"]), (&json!(1), &json!(1)));
    assert_eq!(of_framework["slave_ids"], json!([offer.agent_id.value]));
    assert_eq!(of_slave["framework_ids"], json!([scheduler.id.value]));

    let metrics = get_json(&format!("{base}/metrics/snapshot")).await;
    assert!(metrics.as_object().unwrap().values().all(Value::is_number), "{metrics}");
    for (name, value) in
        [("master/tasks_running", 1.0), ("master/slaves_active", 1.0), ("master/elected", 1.0)]
    {
        assert_eq!(metrics[name].as_f64(), Some(value), "{name}");
    }
    let agent = get_json(&format!("http://{}/slave(1)/state", bed.cluster.agent(1))).await;
    assert_eq!(agent["id"], offer.agent_id.value);
    let executor = &agent["frameworks"][0]["executors"][0];
    let directory = sandbox(&bed, &offer, &scheduler, "t").canonicalize().unwrap();
    assert_eq!(executor["directory"], directory.to_str().unwrap());
    assert_eq!(executor["tasks"][0]["id"], "t");
    let files = get_json(&format!("http://{}/files/debug", bed.cluster.agent(1))).await;
    let path = format!("/frameworks/{}/executors/executor-t/runs/latest", scheduler.id);
    assert_eq!(files[&path], directory.to_str().unwrap(), "{files}");
    assert_eq!(files[directory.to_str().unwrap()], directory.to_str().unwrap(), "{files}");
    let metrics = get_json(&format!("http://{}/metrics/snapshot", bed.cluster.agent(1))).await;
    assert_eq!(metrics["slave/tasks_running"].as_f64(), Some(1.0));
    assert_eq!(metrics["slave/registered"].as_f64(), Some(1.0));
}

e2e::on_both_clusters_async! {
    mesos_o1_state_agents_and_health_of_the_operator_api,
    mesos_o2_files_of_a_sandbox,
    mesos_o3_state_and_metrics,
}
