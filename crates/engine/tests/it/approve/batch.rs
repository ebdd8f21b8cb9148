//! Asks that come at once are decided together, as if they had come one by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, Employee, Entity, EntityKind,
    Refusal, RequestStep, RuleSet, ScheduleItem, UtcInterval,
};
use engine::approve::OwnRecord;
use engine::port::{
    Answer, Approvals, Ask, AskWhat, AskedRequest, Decider, Facts, FactsNeeded, Failure, LedgerRow,
    Store, Verdict,
};
use futures_util::future::join_all;
use jiff::SignedDuration;
use proptest::prelude::*;
use testkit::builders::{employee_id, mirror};

use super::office::{Office, at, create, granted, refused, shown, step, team};
use super::pages::{group_id, lenient, local, monday, open_shift, shift};

/// Decides by rules, and makes everybody wait the first time, so that asks come together.
struct Slow {
    rules: OwnRecord,
    waited: AtomicBool,
}

#[async_trait]
impl Decider for Slow {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        self.rules.decides()
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        self.rules.grants_by_itself()
    }

    fn needs(&self, command: &Command, named: &[Entity], directory: &Directory) -> FactsNeeded {
        self.rules.needs(command, named, directory)
    }

    async fn decide(
        &self,
        command: &Command,
        facts: &Facts,
        key: &str,
    ) -> Result<Verdict, Failure> {
        if !self.waited.swap(true, Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        self.rules.decide(command, facts, key).await
    }

    fn needs_for(
        &self,
        question: &EligibilityQuestion,
        named: &[Entity],
        directory: &Directory,
    ) -> FactsNeeded {
        self.rules.needs_for(question, named, directory)
    }

    async fn eligible(
        &self,
        question: &EligibilityQuestion,
        facts: &Facts,
    ) -> Result<Vec<Eligible>, Failure> {
        self.rules.eligible(question, facts).await
    }
}

impl Office {
    /// All at once: the first leads, the others are decided together.
    async fn asked_together(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let slow = Slow { rules: self.decider(), waited: AtomicBool::new(false) };
        let desk = self.desk_of(Arc::new(slow), 1);
        join_all(asks.into_iter().map(|ask| desk.decide(ask))).await
    }

    async fn asked_one_by_one(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let desk = self.desk();
        let mut answers = Vec::new();
        for ask in asks {
            answers.push(desk.decide(ask).await);
        }
        answers
    }

    async fn ledger(&self) -> Vec<LedgerRow> {
        self.store.ledger_of_calendar(&mirror(), &team()).await.expect("a test says it right")
    }
}

#[tokio::test]
async fn a_hundred_claims_at_once_get_as_many_shifts_as_there_are_slots() {
    let mut open = open_shift("o", 30, monday("08:00", "16:00"));
    open.group = Some(group_id("ward"));
    let mut entities = vec![Entity::OpenShift(open)];
    let people: Vec<String> = (0..100).map(|index| format!("p{index:03}")).collect();
    entities.extend(people.iter().map(|who| {
        let group = Some(group_id("ward"));
        Entity::Employee(Employee { group, ..Employee::unnamed(employee_id(who)) })
    }));
    let office = Office::open(lenient(), entities).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let claim = |who: &String| {
        let (open_shift, employee) = (open_shift.clone(), employee_id(who));
        let request = AskedRequest::OpenShift { open_shift, employee };
        office.ask(step(&format!("SREQ_{who}"), &request, RequestStep::Approved))
    };
    let answers = office.asked_together(people.iter().map(claim).collect()).await;
    assert_eq!(answers.iter().filter(|it| granted(it)).count(), 30);
    let too_late = answers.iter().filter_map(refused);
    assert!(too_late.clone().count() == 70 && too_late.clone().all(|it| it == Refusal::NoSlotLeft));
    let shifts = office.roster().await;
    let owners: BTreeSet<_> = shifts.iter().filter_map(Entity::employee).collect();
    assert_eq!((shifts.len(), owners.len()), (30, 30));
}

#[tokio::test]
async fn the_same_ask_twice_at_once_is_granted_once() {
    let office = Office::open(lenient(), []).await;
    let item = || ScheduleItem::Shift(shown("ada", monday("08:00", "16:00")));
    let other = || ScheduleItem::Shift(shown("ben", monday("08:00", "16:00")));
    let asks = vec![create("SHFT_0", other()), create("SHFT_1", item()), create("SHFT_2", item())];
    let asks = asks.into_iter().map(|what| office.ask(what)).collect();
    let answers = office.asked_together(asks).await;
    assert!(granted(&answers[1]));
    assert_eq!(answers[1], answers[2]);
    assert_eq!(office.roster().await.len(), 2);
    assert!(office.row_at("SHFT_1").await.is_none() && office.row_at("SHFT_2").await.is_some());
}

const PEOPLE: [&str; 4] = ["ada", "ben", "cem", "dee"];

fn interval() -> impl Strategy<Value = UtcInterval> {
    (0i64..40, 1i64..10).prop_map(|(start, hours)| {
        let start = local("2026-11-23T00:00") + SignedDuration::from_hours(start);
        UtcInterval::new(start, start + SignedDuration::from_hours(hours))
            .expect("a test says it right")
    })
}

fn what() -> impl Strategy<Value = AskWhat> {
    let person = || prop::sample::select(PEOPLE.to_vec());
    let place = || prop::sample::select(vec!["REMOTE_A", "REMOTE_B", "N1", "N2", "N3"]);
    let item = || (person(), interval()).prop_map(|(who, it)| ScheduleItem::Shift(shown(who, it)));
    let any_step = prop::sample::select(vec![
        RequestStep::Asked,
        RequestStep::Agreed,
        RequestStep::Approved,
        RequestStep::Cancelled,
    ]);
    let request = prop::sample::select(vec!["S1", "S2"]);
    prop_oneof![
        3 => (place(), item()).prop_map(|(id, item)| create(id, item)),
        2 => (place(), item()).prop_map(|(id, item)| AskWhat::Edit { at: at(id), item }),
        1 => place().prop_map(|id| AskWhat::Delete { at: at(id), kind: EntityKind::Shift }),
        2 => (request, place(), place(), any_step).prop_map(|(id, given, wanted, it)| {
            step(id, &AskedRequest::Swap { given: at(given), wanted: at(wanted) }, it)
        }),
        1 => (place(), person()).prop_map(|(given, to)| {
            let request = AskedRequest::Offer { given: at(given), to: employee_id(to) };
            step("S3", &request, RequestStep::Approved)
        }),
    ]
}

async fn office() -> Office {
    let rules =
        RuleSet { day_work_max: Some(10 * std::time::Duration::from_secs(3600)), ..lenient() };
    Office::open(
        rules,
        [
            Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
            Entity::Shift(shift("b", "ben", monday("10:00", "18:00"))),
        ],
    )
    .await
}

/// The asks with the remote ids that the two shifts have.
async fn with_ids(office: &Office, whats: &[AskWhat]) -> Vec<Ask> {
    let a = office.remote(EntityKind::Shift, "a").await;
    let b = office.remote(EntityKind::Shift, "b").await;
    let text = serde_json::to_string(whats).expect("a test says it right");
    let text = text.replace("REMOTE_A", &a.0).replace("REMOTE_B", &b.0);
    let whats: Vec<AskWhat> = serde_json::from_str(&text).expect("a test says it right");
    whats.into_iter().map(|what| office.ask(what)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn decided_together_is_decided_one_by_one(whats in prop::collection::vec(what(), 2..10)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (together, alone) = (office().await, office().await);
            let asks = with_ids(&together, &whats).await;
            let answers = together.asked_together(asks.clone()).await;
            let expected = alone.asked_one_by_one(asks).await;
            prop_assert_eq!(answers, expected);
            prop_assert_eq!(together.roster().await, alone.roster().await);
            prop_assert_eq!(together.ledger().await, alone.ledger().await);
            for id in ["S1", "S2", "S3"] {
                prop_assert_eq!(together.request(id).await, alone.request(id).await);
            }
            Ok(())
        })?;
    }

    #[test]
    fn asked_again_after_a_crash_the_last_grant_stands(
        whats in prop::collection::vec(what(), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let office = office().await;
            let asks = with_ids(&office, &whats).await;
            let answers = office.asked_one_by_one(asks.clone()).await;
            let (Some(ask), Some(answer)) = (asks.last(), answers.last()) else { return Ok(()) };
            let (seq, roster) = (office.seq().await, office.roster().await);
            // Another process, and nobody heard the first answer.
            let again = office.desk_of(Arc::new(office.decider()), 7).decide(ask.clone()).await;
            if granted(answer) {
                prop_assert_eq!(&again, answer);
                prop_assert_eq!((office.seq().await, office.roster().await), (seq, roster));
            }
            Ok(())
        })?;
    }
}
