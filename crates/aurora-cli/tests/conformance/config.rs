use crate::stub::{K, SERVICE, Stub};

#[test]
fn cli_89_the_keys_of_a_file() {
    let stub = Stub::start();
    stub.file("f.aurora", SERVICE);
    let outcome = stub.aurora(&["config", "list", "f.aurora"]).exits(0);
    assert_eq!(outcome.out, format!("jobs=[{K}]\n"));
    stub.file("none.aurora", "jobs = []\n");
    let outcome = stub.aurora(&["config", "list", "none.aurora"]).exits(0);
    assert_eq!(outcome.out, "jobs=[]\n");
    stub.file("bad.aurora", "x = 1\njobs = [\n");
    stub.aurora(&["config", "list", "bad.aurora"])
        .exits(4)
        .err_has("Error loading configuration file: ")
        .err_has("bad.aurora");
    assert!(stub.methods().is_empty());
}
