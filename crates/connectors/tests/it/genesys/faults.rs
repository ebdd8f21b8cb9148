//! What the vendor does instead of answering plainly.

use engine::port::{Clock, FailureClass, FindingLevel, SourceError, Store};
use engine::run::ingest::IngestError;
use jiff::SignedDuration;
use simulators::genesys::{Client, Fault, Options, RateForm, What};
use testkit::builders::roster;

use super::world::World;

#[tokio::test]
async fn a_result_under_an_address_is_fetched_without_our_token() {
    let world = World::with(Options { download_from: 1, ..Options::default() }, "");
    world.usual_week();
    world.read().await.unwrap();
    world.assert_exact().await;
    assert_eq!(world.genesys.counts().downloads, 2);
}

#[tokio::test]
async fn a_result_that_never_comes_is_asked_for_in_halves() {
    for status in [200, 202] {
        let options =
            Options { processing_from: 2, processing_status: status, ..Options::default() };
        let world = World::with(options, "");
        world.usual_week();
        world.read().await.unwrap();
        world.assert_exact().await;
    }
}

#[tokio::test]
async fn a_result_that_comes_a_little_later_is_asked_for_again() {
    let options = Options { processing_from: 1, processing_times: 2, ..Options::default() };
    let world = World::with(options, "");
    world.usual_week();
    world.read().await.unwrap();
    world.assert_exact().await;
}

#[tokio::test]
async fn the_rate_limit_is_kept_and_a_429_in_any_form_is_waited_for() {
    for form in [RateForm::All, RateForm::RetryAfter, RateForm::Reset, RateForm::Text] {
        let options = Options { rate: Some(4), rate_form: form, ..Options::default() };
        let world = World::with(options, "");
        world.usual_week();
        world.read().await.unwrap();
        world.assert_exact().await;
        let throttled = world.genesys.counts().throttled;
        assert!(throttled <= 3, "{form:?}: {throttled}");
    }
}

#[tokio::test]
async fn a_429_that_nothing_announced_is_waited_for_in_all_its_forms() {
    for form in [RateForm::All, RateForm::RetryAfter, RateForm::Reset, RateForm::Text] {
        let options =
            Options { rate: Some(4), rate_form: form, rate_headers: false, ..Options::default() };
        let world = World::with(options, "");
        world.usual_week();
        let begun = world.clock.now();
        world.read().await.unwrap();
        world.assert_exact().await;
        let (asked, refused) = (world.genesys.counts().requests, world.genesys.counts().throttled);
        assert!(refused >= 1, "{form:?}: nobody was refused");
        // Four in a minute, and in each minute at most as many refused as were under way at once.
        let minutes = world.clock.now().duration_since(begun).as_mins();
        let taken = i64::try_from(asked - refused).unwrap();
        assert!(minutes >= taken / 4 - 1, "{form:?}: {taken} in {minutes} minutes");
        assert!(refused <= asked - refused, "{form:?}: {refused} of {asked} were refused");
    }
}

#[tokio::test]
async fn a_token_that_runs_out_is_replaced() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.revoke_tokens();
    world.read().await.unwrap();
    world.clock.pass(SignedDuration::from_hours(25));
    world.read().await.unwrap();
    assert_eq!(world.genesys.counts().tokens, 3);
}

#[tokio::test]
async fn nothing_follows_from_what_cannot_be_read() {
    let failing = [
        ("/users?", 500),
        ("/managementunits", 403),
        ("/activitycodes", 403),
        ("/weeks/recent/schedules", 500),
        ("/agentschedules/query", 403),
        ("/businessunits?", 403),
    ];
    for (path, status) in failing {
        let world = World::new();
        world.usual_week();
        world.read().await.unwrap();
        world.genesys.republish(&world.unit, super::world::day("2026-11-23"));
        world.clock.pass(SignedDuration::from_mins(61));
        let code = "not.this.time".to_owned();
        world.genesys.set_faults([Fault::on_any().at(path).then(What::Refusal { status, code })]);
        let before = world.store.roster_seq(&roster()).await.unwrap();
        if world.read().await.is_ok() {
            assert_eq!(path, "/businessunits?", "{path} is not asked for");
        }
        assert_eq!(world.store.roster_seq(&roster()).await.unwrap(), before, "{path}");
        world.genesys.set_faults([]);
        world.read().await.unwrap();
        world.assert_exact().await;
    }
}

#[tokio::test]
async fn a_lost_connection_costs_a_try() {
    let world = World::new();
    world.usual_week();
    let faults = [What::ResetBefore, What::ResetAfterApply, What::StatusAfterApply(503)];
    world.genesys.set_faults(faults.map(|what| Fault::on_any().skip(3).every(4).then(what)));
    world.read().await.unwrap();
    world.assert_exact().await;
}

#[tokio::test]
async fn a_reading_that_was_cut_short_goes_on_where_it_stopped() {
    let world = World::new();
    world.usual_week();
    for week in ["2026-12-01", "2026-12-08", "2026-12-15"] {
        world.work(&world.anna, week);
    }
    let code = "internal".to_owned();
    let fault = Fault::on("POST").at("2026-12-07").then(What::Refusal { status: 400, code });
    world.genesys.set_faults([fault]);
    world.read().await.unwrap_err();
    assert_eq!(world.shifts_of(&world.anna).await.len(), 4);
    world.genesys.set_faults([]);
    let before = world.genesys.requests().len();
    world.read().await.unwrap();
    world.assert_exact().await;
    let asked: Vec<String> =
        world.genesys.requests()[before..].iter().map(|it| it.target.clone()).collect();
    assert!(asked.iter().all(|it| !it.contains("2026-11-23")), "{asked:?}");
}

#[tokio::test]
async fn a_business_unit_that_is_hidden_is_not_taken_for_deleted() {
    let world = World::new();
    world.usual_week();
    let other = world.genesys.add_business_unit("Sales", "America/New_York");
    let team = world.genesys.add_team(&other, "Sales");
    let dora = world.genesys.hire(&team, "Dora Lin", "dora@example.com");
    world.work(&dora, "2026-11-24");
    world.read().await.unwrap();
    // The list has one unit less, and the unit itself answers still.
    let body = format!("{{\"entities\":[{{\"id\":\"{}\"}}]}}", world.unit);
    let fault = Fault::on("GET").at("workforcemanagement/businessunits");
    world.genesys.set_faults([fault.times(1).then(What::Garbage(body))]);
    world.clock.pass(SignedDuration::from_mins(61));
    let failed = world.read().await.unwrap_err();
    let IngestError::Source(SourceError::Failed(failure)) = failed else { panic!("{failed:?}") };
    assert_eq!(failure.class, FailureClass::Forbidden);
    assert_eq!(world.shifts_of(&dora).await.len(), 1);
}

#[tokio::test]
async fn without_the_permission_requests_are_left_out_and_doctor_says_so() {
    let client = Client::default().without(&["wfm:timeOffRequest:view"]);
    let world = World::with(Options { clients: vec![client], ..Options::default() }, "");
    world.usual_week();
    world.read().await.unwrap();
    world.assert_exact().await;
    let findings = world.source.check().await;
    let warned = findings.iter().find(|it| it.level == FindingLevel::Warning).unwrap();
    assert!(warned.hint.as_ref().unwrap().contains("wfm:timeOffRequest:view"), "{warned:?}");
}

#[tokio::test]
async fn doctor_names_the_permission_and_the_unit_that_are_missing() {
    let client = Client::default().without(&["wfm:publishedSchedule:view", "wfm:schedule:view"]);
    let world = World::with(Options { clients: vec![client], ..Options::default() }, "");
    let findings = world.source.check().await;
    let error = findings.iter().find(|it| it.level == FindingLevel::Error).unwrap();
    assert!(error.hint.as_ref().unwrap().contains("wfm:publishedSchedule:view"), "{error:?}");

    let keys = "business_units = [\"3f0e3a52-2f0c-4a7b-9d0d-0a1b2c3d4e5f\"]";
    let world = World::with(Options::default(), keys);
    let findings = world.source.check().await;
    let error = findings.iter().find(|it| it.level == FindingLevel::Error).unwrap();
    assert!(error.message.contains("is not visible"), "{error:?}");

    for keys in ["", "shift_trades = true"] {
        let world = World::with(Options::default(), keys);
        world.usual_week();
        let findings = world.source.check().await;
        assert!(findings.iter().all(|it| it.level == FindingLevel::Good), "{findings:?}");
    }
}

#[tokio::test]
async fn doctor_says_when_trades_that_are_asked_for_may_not_be_read() {
    let missing = ["wfm:shiftTradeRequest:view", "wfm:shiftTradeRequest:edit"];
    let client = Client::default().without(&missing);
    let options = || Options { clients: vec![client.clone()], ..Options::default() };
    let warnings = async |keys: &str| {
        let world = World::with(options(), keys);
        world.usual_week();
        let findings = world.source.check().await;
        findings.into_iter().filter(|it| it.level == FindingLevel::Warning).collect::<Vec<_>>()
    };
    assert!(warnings("").await.is_empty());
    let warned = warnings("shift_trades = true").await;
    let [warned] = warned.as_slice() else { panic!("{warned:?}") };
    assert!(warned.hint.as_ref().unwrap().contains("wfm:shiftTradeRequest:edit"), "{warned:?}");
}
