use crate::stub::Stub;

#[test]
fn there_is_no_local_cluster_to_show_or_stop() {
    let stub = Stub::start();
    stub.aurora(&["local", "status"])
        .exits(4)
        .err_has("no local cluster is running in ")
        .err_has("aurora local up");
    stub.aurora(&["local", "down"]).exits(0).out_has("no local cluster is running in ");
}

#[test]
fn the_local_cluster_needs_no_clusters_file() {
    let stub = Stub::start();
    let own = i32::try_from(std::process::id()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{own}/stat")).unwrap();
    let start_ticks: u64 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
    std::fs::remove_file(stub.home.path().join(".aurora/clusters.json")).unwrap();
    std::fs::create_dir(stub.home.path().join(".aurora-local")).unwrap();
    let state = format!(
        r#"{{"supervisor": {{"pid": {own}, "start_ticks": {start_ticks}}}, "mesos": null, "scheduler": null,
            "scheduler_uri": "{}", "mesos_port": 1, "master": null, "agents": 1, "ready": true}}"#,
        stub.address
    );
    stub.file(".aurora-local/local.json", &state);
    let outcome = stub.aurora(&["job", "list", "local/bozo/*/a*"]).exits(0);
    assert_eq!(outcome.out, "local/bozo/test/alpha\n");
}
