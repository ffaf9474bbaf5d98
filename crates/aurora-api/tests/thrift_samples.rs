//! The verified samples of `spec/api.md` §9.4, and the conformance cases of §11 that are about the encoding alone.
#![allow(clippy::unwrap_used, reason = "tests")]

use aurora_api::thrift::rpc::{
    CreateJob, GetRoleSummary, GetTasksWithoutConfigs, GetTierConfigs, KillTasks, RestartShards,
    RollbackJobUpdate,
};
use aurora_api::thrift::*;

/// Decodes a call sample, encodes it again, and returns its arguments.
fn same_call<A: Arguments>(sample: &str) -> A {
    let sample = sample.trim_end();
    let incoming = Incoming::open(Encoding::Json, sample.as_bytes()).unwrap();
    assert_eq!(incoming.header.name, A::RPC.as_str());
    assert_eq!(incoming.header.kind, MessageKind::Call);
    let sequence = incoming.header.sequence;
    let arguments: A = incoming.body().unwrap();
    let json = encode_call(Encoding::Json, sequence, &arguments);
    assert_eq!(String::from_utf8(json).unwrap(), sample);
    let binary = encode_call(Encoding::Binary, sequence, &arguments);
    let incoming = Incoming::open(Encoding::Binary, &binary).unwrap();
    let again: A = incoming.body().unwrap();
    assert_eq!(encode_json(&again), encode_json(&arguments));
    arguments
}

/// Decodes a reply sample, encodes it again, and returns the response.
fn same_reply<A: Arguments>(sample: &str, sequence: i32) -> Response {
    let sample = sample.trim_end();
    let response = decode_reply::<A>(Encoding::Json, sequence, sample.as_bytes()).unwrap();
    let call = MessageHeader { name: A::RPC.as_str().to_owned(), kind: MessageKind::Call, sequence };
    let json = encode_reply(Encoding::Json, &call, response.clone());
    assert_eq!(String::from_utf8(json).unwrap(), sample);
    response
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.trim_end().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn sample_a_get_tier_configs() {
    same_call::<GetTierConfigs>(include_str!("samples/get_tier_configs_call.json"));
    let response = same_reply::<GetTierConfigs>(include_str!("samples/get_tier_configs_reply.json"), 0);
    let Some(Result::GetTierConfigResult(tiers)) = response.result else {
        panic!("not the tiers");
    };
    assert_eq!(tiers.default_tier_name.as_deref(), Some("preemptible"));
    let tiers = tiers.tiers.unwrap();
    assert_eq!(tiers.len(), 3);
    let settings = tiers[1].settings.as_ref().unwrap();
    assert_eq!(settings["preemptible"], "true");
}

#[test]
fn sample_b_get_role_summary_in_both_encodings() {
    same_call::<GetRoleSummary>(include_str!("samples/get_role_summary_call.json"));
    let reply = include_str!("samples/get_role_summary_reply.json");
    let response = same_reply::<GetRoleSummary>(reply, 7);

    let call = hex(include_str!("samples/get_role_summary_call.hex"));
    let empty = GetRoleSummary::default();
    assert_eq!(encode_call(Encoding::Binary, 7, &empty), call);
    let incoming = Incoming::open(Encoding::Binary, &call).unwrap();
    let reply = hex(include_str!("samples/get_role_summary_reply.hex"));
    assert_eq!(encode_reply(Encoding::Binary, &incoming.header, response.clone()), reply);
    let decoded = decode_reply::<GetRoleSummary>(Encoding::Binary, 7, &reply).unwrap();
    assert_eq!(decoded, response);
}

#[test]
fn sample_c_create_job() {
    let arguments: CreateJob = same_call(include_str!("samples/create_job_call.json"));
    let binary = encode_call(Encoding::Binary, 1, &arguments);
    assert_eq!(binary, hex(include_str!("samples/create_job_call.hex")));

    let task = arguments.description.unwrap().task_config.unwrap();
    assert_eq!(task.is_service, Some(true));
    assert_eq!(task.executor_config.unwrap().data.as_deref(), Some(r#"{"task":"say \"hi\""}"#));
    let resources = task.resources.unwrap();
    assert_eq!(resources[0], Resource::NumCpus(0.5));
    assert_eq!(resources[3], Resource::NamedPort("http".to_owned()));

    let done = same_reply::<CreateJob>(include_str!("samples/create_job_reply.json"), 1);
    assert_eq!(done.response_code, Some(ResponseCode::Ok));
    let refused = same_reply::<CreateJob>(include_str!("samples/create_job_refusal.json"), 1);
    assert_eq!(refused.response_code, Some(ResponseCode::InvalidRequest));
}

#[test]
fn sample_c_with_the_presence_rules_is_what_populate_job_config_answers() {
    let arguments: CreateJob = same_call(include_str!("samples/create_job_call.json"));
    let mut task = arguments.description.unwrap().task_config.unwrap();
    task.production = Some(true);
    task.task_links =
        Some([("http".to_owned(), "http://%host%:%port:http%".to_owned())].into_iter().collect());
    task.fill_unset();
    let json = String::from_utf8(encode_json(&task)).unwrap();
    for part in [
        r#""18":{"tf":1}"#,
        r#""22":{"map":["str","str",1,{"http":"http://%host%:%port:http%"}]}"#,
        r#""33":{"set":["rec",0]}"#,
        r#""29":{"rec":{"1":{"rec":{"2":{"lst":["rec",0]}}}}}"#,
    ] {
        assert!(json.contains(part), "{part} is missing in {json}");
    }
    assert!(!json.contains(r#""34":"#), "an unset struct was filled in");
}

#[test]
fn sample_d_irregular_argument_ids() {
    let kill: KillTasks = same_call(include_str!("samples/kill_tasks_call.json"));
    assert_eq!(kill.instances, Some(vec![0]));
    assert_eq!(kill.message.as_deref(), Some("bye"));
    let restart: RestartShards = same_call(include_str!("samples/restart_shards_call.json"));
    assert_eq!(restart.shard_ids, Some(vec![0]));
    let rollback: RollbackJobUpdate = same_call(include_str!("samples/rollback_job_update_call.json"));
    assert_eq!(rollback.message.as_deref(), Some("m"));
    let query: GetTasksWithoutConfigs =
        same_call(include_str!("samples/get_tasks_without_configs_call.json"));
    assert_eq!(query.query.unwrap().role.as_deref(), Some("r"));
}

#[test]
fn api_9_the_old_binary_header_is_accepted() {
    let mut old = Vec::new();
    old.extend(14_i32.to_be_bytes());
    old.extend(b"getRoleSummary");
    old.push(1);
    old.extend(7_i32.to_be_bytes());
    old.push(0);
    let incoming = Incoming::open(Encoding::Binary, &old).unwrap();
    assert_eq!(incoming.header.name, "getRoleSummary");
    assert_eq!(incoming.header.sequence, 7);
    let _: GetRoleSummary = incoming.body().unwrap();
}

#[test]
fn api_10_an_unknown_method_is_refused_with_an_exception() {
    let incoming = Incoming::open(Encoding::Json, br#"[1,"nope",1,3,{}]"#).unwrap();
    let call = incoming.header.clone();
    assert_eq!(Rpc::from_name(&call.name), None);
    incoming.skip_body().unwrap();
    let refusal = ApplicationException::unknown_method(&call.name);
    assert_eq!(
        String::from_utf8(encode_exception(Encoding::Json, &call, &refusal)).unwrap(),
        r#"[1,"nope",3,3,{"1":{"str":"Invalid method name: 'nope'"},"2":{"i32":1}}]"#
    );
}

#[test]
fn api_11_other_versions_and_truncated_json_are_refused() {
    let version = Incoming::open(Encoding::Json, br#"[2,"getTierConfigs",1,0,{}]"#);
    assert_eq!(version.unwrap_err().malformed, Malformed::WrongVersion(2));
    let sample = include_str!("samples/create_job_call.json").trim_end();
    for end in 0..sample.len() {
        let body =
            Incoming::open(Encoding::Json, &sample.as_bytes()[..end]).and_then(Incoming::body::<CreateJob>);
        assert!(body.is_err(), "accepted {}", &sample[..end]);
    }
}

#[test]
fn api_13_unknown_fields_and_unexpected_types_are_ignored() {
    let key: JobKey = decode_json(
        br#"{"1":{"i32":5},"2":{"str":"prod"},"99":{"map":["str","rec",1,{"a":{"1":{"lst":["i64",2,1,2]}}}]},"3":{"str":"hello"}}"#,
    )
    .unwrap();
    assert_eq!(key.role, None);
    assert_eq!(key.environment.as_deref(), Some("prod"));
    assert_eq!(key.name.as_deref(), Some("hello"));
}

#[test]
fn an_absent_container_is_a_mesos_container() {
    let task: TaskConfig = decode_json(b"{}").unwrap();
    assert_eq!(task.container, Some(Container::Mesos(MesosContainer::default())));
}

#[test]
fn unknown_enum_numbers_are_unset() {
    let event: TaskEvent = decode_json(br#"{"2":{"i32":8}}"#).unwrap();
    assert_eq!(event.status, None);
    let query: TaskQuery = decode_json(br#"{"5":{"set":["i32",3,8,2,2]}}"#).unwrap();
    assert_eq!(query.statuses, Some(vec![ScheduleStatus::Running]));
}

#[test]
fn a_union_needs_exactly_one_member() {
    for wrong in ["{}", r#"{"1":{"dbl":1},"2":{"i64":2}}"#, r#"{"9":{"i64":2}}"#] {
        let error = decode_json::<Resource>(wrong.as_bytes()).unwrap_err();
        assert!(matches!(error.malformed, Malformed::NotOneMember { .. }));
    }
}

#[test]
fn an_error_says_where() {
    let error = decode_json::<JobConfiguration>(br#"{"6":{"rec":{"32":{"set":["rec",1,{}]}}}}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "malformed thrift at byte 36 (field taskConfig.resources): union Resource holds 0 known members instead of one"
    );
}

#[test]
fn blanks_and_all_escapes_are_read() {
    let key: JobKey =
        decode_json(" { \"1\" : { \"str\" : \"a\\/b\\u0041\\u00E9\\uD83D\\ude00\\n\" } }\n".as_bytes())
            .unwrap();
    assert_eq!(key.role.as_deref(), Some("a/bAé😀\n"));
    let lone = decode_json::<JobKey>(br#"{"1":{"str":"\ud83d"}}"#);
    assert!(lone.is_err());
}

#[test]
fn control_characters_are_written_as_upstream_does() {
    let key = JobKey { role: Some("\"\\\u{8}\t\n\u{c}\r\u{1}/é".to_owned()), ..JobKey::default() };
    assert_eq!(String::from_utf8(encode_json(&key)).unwrap(), r#"{"1":{"str":"\"\\\b\t\n\f\r\u0001/é"}}"#);
}

#[test]
fn announced_lengths_are_not_believed() {
    let mut text = vec![11, 0, 1];
    text.extend(i32::MAX.to_be_bytes());
    let error = decode_binary::<JobKey>(&text).unwrap_err();
    assert!(matches!(error.malformed, Malformed::TooLong { .. }));

    let mut negative = vec![11, 0, 1];
    negative.extend((-1_i32).to_be_bytes());
    let error = decode_binary::<JobKey>(&negative).unwrap_err();
    assert!(matches!(error.malformed, Malformed::TooLong { .. }));

    let mut list = vec![15, 0, 4, 12];
    list.extend(1_000_000_i32.to_be_bytes());
    let error = decode_binary::<ScheduledTask>(&list).unwrap_err();
    assert!(matches!(error.malformed, Malformed::TooLong { .. }));

    let error = decode_json::<ScheduledTask>(br#"{"4":{"lst":["rec",9999999999]}}"#).unwrap_err();
    assert!(matches!(error.malformed, Malformed::TooLong { .. }));
}

#[test]
fn deep_nesting_is_refused() {
    let json = "{\"9\":{\"rec\":".repeat(100_000);
    let error = decode_json::<JobKey>(json.as_bytes()).unwrap_err();
    assert_eq!(error.malformed, Malformed::TooDeep);
    let binary = [12, 0, 9].repeat(100_000);
    let error = decode_binary::<JobKey>(&binary).unwrap_err();
    assert_eq!(error.malformed, Malformed::TooDeep);
}

#[test]
fn trailing_bytes_are_refused_where_one_value_is_expected() {
    let mut bytes = encode_binary(&JobKey::default());
    bytes.push(0);
    let error = decode_binary::<JobKey>(&bytes).unwrap_err();
    assert_eq!(error.malformed, Malformed::TrailingBytes(1));
}

#[test]
fn enums_have_their_names_and_numbers() {
    assert_eq!(ScheduleStatus::Partitioned.number(), 18);
    assert_eq!(ScheduleStatus::from_i32(9), Some(ScheduleStatus::Assigned));
    assert_eq!("LOST".parse(), Ok(ScheduleStatus::Lost));
    let unknown = "Lost".parse::<ResponseCode>().unwrap_err();
    assert!(unknown.to_string().starts_with("Lost is not a ResponseCode"));
}

#[test]
fn every_call_has_one_name() {
    assert_eq!(Rpc::ALL.len(), 45);
    for &rpc in Rpc::ALL {
        assert_eq!(Rpc::from_name(rpc.as_str()), Some(rpc));
    }
}
