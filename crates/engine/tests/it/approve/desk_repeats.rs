//! Asked again: with the same ids or with new ones, after a crash, by two desks, at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::limits::{APPROVAL_DELAY, APPROVAL_GIVE_UP, ASK_ATTEMPTS_MAX};
use domain::{
    CalendarKey, Command, CommandKind, Directory, EligibilityQuestion, Eligible, Entity,
    EntityKind, Refusal, RequestStep, RuleSet, ScheduleItem,
};
use engine::approve::OwnRecord;
use engine::port::{
    Answer, Approvals, Approver, AskWhat, AskedRequest, Decider, Facts, FactsNeeded, Failure,
    FailureClass, RemoteId, Store, Verdict,
};
use engine::run::approve_due::{DueReport, approve_due};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::SignedDuration;
use testkit::builders::{employee_id, ingest, mirror, roster};
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

use super::office::{Office, approval, at, create, granted, key, refused, shown, step};
use super::pages::{days, leave, lenient, monday, open_shift, shift, time_off, tuesday};

fn shift_item(employee: &str, interval: domain::UtcInterval) -> ScheduleItem {
    ScheduleItem::Shift(shown(employee, interval))
}

async fn two_shifts() -> (Office, AskedRequest) {
    let office = Office::open(
        lenient(),
        [
            Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
            Entity::Shift(shift("b", "ben", tuesday("08:00", "16:00"))),
        ],
    )
    .await;
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    (office, AskedRequest::Swap { given, wanted })
}

fn makes(first: &'static str, second: &'static str) -> [(&'static str, ScheduleItem); 2] {
    [
        (first, shift_item("ben", monday("08:00", "16:00"))),
        (second, shift_item("ada", tuesday("08:00", "16:00"))),
    ]
}

async fn place_of(office: &Office, id: &str) -> Option<RemoteId> {
    let row = office.row(&key(EntityKind::Shift, id)).await?;
    row.intent.and_then(|it| it.remote_id)
}

#[tokio::test]
async fn a_repetition_with_new_ids_is_applied_once_and_puts_them_in_place_of_the_old() {
    let (office, swap) = two_shifts().await;
    let first = office.asked(approval("SREQ_1", &swap, makes("SHFT_3", "SHFT_4"))).await;
    assert!(granted(&first));
    let seq = office.seq().await;
    // Nobody heard the answer; half a minute later the product tries again.
    office.clock.advance(SignedDuration::from_secs(35));
    let again = office.asked(approval("SREQ_1", &swap, makes("SHFT_5", "SHFT_6"))).await;
    assert_eq!((again, office.seq().await), (first.clone(), seq));
    assert_eq!(place_of(&office, "a").await, Some(at("SHFT_5")));
    assert_eq!(place_of(&office, "b").await, Some(at("SHFT_6")));
    assert_eq!(office.row_at("SHFT_3").await, None);
    let again = office.asked(approval("SREQ_1", &swap, makes("SHFT_5", "SHFT_6"))).await;
    assert_eq!(again, first);
    let AskedRequest::Swap { given, wanted } = swap else { panic!("a swap") };
    office.product_removes(&given);
    office.product_removes(&wanted);
    makes("SHFT_5", "SHFT_6").into_iter().for_each(|(id, item)| office.product_puts(id, item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
}

#[tokio::test]
async fn a_request_repeated_under_another_id_is_the_same_request() {
    let (office, swap) = two_shifts().await;
    let first = office.asked(step("SREQ_1", &swap, RequestStep::Asked)).await;
    assert_eq!(office.asked(step("SREQ_2", &swap, RequestStep::Asked)).await, first);
    assert_eq!(office.request("SREQ_1").await.unwrap().step, RequestStep::Cancelled);
    assert_eq!(office.request("SREQ_2").await.unwrap().step, RequestStep::Asked);
    assert!(granted(&office.asked(step("SREQ_2", &swap, RequestStep::Agreed)).await));
    // The first step, told once more and late, does not turn back what came after it.
    assert_eq!(office.asked(step("SREQ_2", &swap, RequestStep::Asked)).await, first);
    assert_eq!(office.request("SREQ_2").await.unwrap().step, RequestStep::Agreed);
}

#[tokio::test]
async fn a_shift_made_twice_because_nobody_heard_the_answer_is_one_shift() {
    let office = Office::open(lenient(), []).await;
    let item = || shift_item("ada", monday("08:00", "16:00"));
    let first = office.asked(create("SHFT_1", item())).await;
    assert_eq!(office.asked(create("SHFT_2", item())).await, first);
    assert_eq!(office.roster().await.len(), 1);
    office.product_puts("SHFT_2", item());
    assert_eq!(office.later_writes().await, (0, 0, 0));
    // What stands there by now is no repetition: it would be a second one.
    let answer = office.asked(create("SHFT_3", item())).await;
    assert!(matches!(refused(&answer), Some(Refusal::Overlaps { .. })), "{answer:?}");
    // Made, changed, and told once more: it is there, and stays as it was changed.
    let later = shift_item("ada", monday("10:00", "18:00"));
    assert!(granted(&office.asked(AskWhat::Edit { at: at("SHFT_2"), item: later }).await));
    let seq = office.seq().await;
    assert!(granted(&office.asked(create("SHFT_2", item())).await));
    assert_eq!(office.seq().await, seq);
}

#[tokio::test]
async fn the_same_change_after_another_one_is_a_new_change() {
    let (office, _) = two_shifts().await;
    let a = office.remote(EntityKind::Shift, "a").await;
    let mut versions = Vec::new();
    for start in ["09:00", "10:00", "09:00"] {
        let item = shift_item("ada", monday(start, "16:00"));
        assert!(granted(&office.asked(AskWhat::Edit { at: a.clone(), item }).await));
        versions.push(office.live(&key(EntityKind::Shift, "a")).await.unwrap().version);
    }
    assert_eq!(versions, [2, 3, 4]);
}

#[tokio::test]
async fn a_claim_is_known_again_although_others_took_slots_meanwhile() {
    let office = Office::open(lenient(), [ward_open(3)]).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let claim = |who: &str, id: &'static str, place: &'static str| {
        let (open_shift, employee) = (open_shift.clone(), employee_id(who));
        let request = AskedRequest::OpenShift { open_shift, employee };
        approval(id, &request, [(place, shift_item(who, monday("08:00", "16:00")))])
    };
    let first = office.asked(claim("ada", "SREQ_1", "SHFT_1")).await;
    assert!(granted(&first));
    assert!(granted(&office.asked(claim("ben", "SREQ_2", "SHFT_2")).await));
    assert_eq!(office.asked(claim("ada", "SREQ_1", "SHFT_3")).await, first);
    let Some(Entity::OpenShift(left)) =
        office.live(&key(EntityKind::OpenShift, "o")).await.map(|it| it.entity)
    else {
        panic!("one slot is left");
    };
    assert_eq!(left.open_slots, 1);
}

#[tokio::test]
async fn two_desks_on_one_store_never_give_the_last_slot_twice() {
    let open = ward_open(1);
    let office = Office::open(lenient(), [open]).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let desks = [office.desk_of(Arc::new(office.decider()), 1), {
        office.desk_of(Arc::new(office.decider()), 2)
    }];
    let claim = |who: &str, id: &str| {
        let (open_shift, employee) = (open_shift.clone(), employee_id(who));
        let request = AskedRequest::OpenShift { open_shift, employee };
        office.ask(step(id, &request, RequestStep::Approved))
    };
    // Both have seen the roster as it was.
    for desk in &desks {
        desk.directory().await.unwrap();
    }
    let answers = join_all([
        desks[0].decide(claim("ada", "SREQ_1")),
        desks[1].decide(claim("ben", "SREQ_2")),
    ])
    .await;
    assert!(granted(&answers[0]));
    assert_eq!(refused(&answers[1]), Some(Refusal::NoSlotLeft));
}

fn ward_open(slots: u32) -> Entity {
    let mut open = open_shift("o", slots, monday("08:00", "16:00"));
    open.group = Some(super::pages::group_id("ward"));
    Entity::OpenShift(open)
}

/// Decides by rules; before it says so, something else happens.
struct Meddling<F> {
    rules: OwnRecord,
    times: AtomicUsize,
    happens: F,
}

#[async_trait]
impl<F> Decider for Meddling<F>
where
    F: Fn(usize) -> futures_util::future::BoxFuture<'static, bool> + Send + Sync,
{
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
        let time = self.times.fetch_add(1, Ordering::Relaxed);
        if !(self.happens)(time).await {
            return Err(failure(FailureClass::Unavailable));
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

fn failure(class: FailureClass) -> Failure {
    Failure { class, operation: "ask".into(), status: None, detail: "no".into() }
}

async fn meddle(store: &MemoryStore, entity: Entity) {
    let seq = store.roster_counts(&roster()).await.expect("the office is in order").seq;
    store.commit_ingest(&roster(), ingest(seq, [entity])).await.expect("the office is in order");
}

#[tokio::test]
async fn an_ask_is_decided_anew_when_the_roster_changed_under_it() {
    let office = Office::open(lenient(), []).await;
    let store = Arc::clone(&office.store);
    let decider = Meddling {
        rules: office.decider(),
        times: AtomicUsize::new(0),
        happens: move |time| {
            let store = Arc::clone(&store);
            async move {
                if time == 0 {
                    let away = time_off("t", "ada", days("2026-11-23", "2026-11-24"));
                    meddle(&store, Entity::TimeOff(away)).await;
                }
                true
            }
            .boxed()
        },
    };
    let desk = office.desk_of(Arc::new(decider), 1);
    let ask = office.ask(create("SHFT_1", shift_item("ada", monday("08:00", "16:00"))));
    let answer = desk.decide(ask).await;
    assert!(matches!(refused(&answer), Some(Refusal::Absent { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_roster_that_never_rests_refuses_as_not_reachable() {
    let office = Office::open(lenient(), []).await;
    let store = Arc::clone(&office.store);
    let decider = Arc::new(Meddling {
        rules: office.decider(),
        times: AtomicUsize::new(0),
        happens: move |time: usize| {
            let store = Arc::clone(&store);
            async move {
                let interval = tuesday("08:00", "16:00");
                let mut other = shift("other", "dee", interval);
                other.notes = Some(time.to_string());
                meddle(&store, Entity::Shift(other)).await;
                true
            }
            .boxed()
        },
    });
    let desk = office.desk_of(Arc::clone(&decider) as Arc<dyn Decider>, 1);
    let ask = office.ask(create("SHFT_1", shift_item("ada", monday("08:00", "16:00"))));
    assert_eq!(desk.decide(ask).await, Answer::Refused(Refusal::NotReachable));
    assert_eq!(decider.times.load(Ordering::Relaxed), ASK_ATTEMPTS_MAX);
    assert_eq!(office.row_at("SHFT_1").await, None);
}

#[tokio::test]
async fn a_system_of_record_that_cannot_be_asked_grants_nothing() {
    let office = Office::open(lenient(), []).await;
    let happens = |time| async move { time > 0 }.boxed();
    let times = AtomicUsize::new(0);
    let decider = Meddling { rules: office.decider(), times, happens };
    let desk = office.desk_of(Arc::new(decider), 1);
    let ask = || office.ask(create("SHFT_1", shift_item("ada", monday("08:00", "16:00"))));
    assert_eq!(desk.decide(ask()).await, Answer::Refused(Refusal::NotReachable));
    assert!(granted(&desk.decide(ask()).await));
}

#[tokio::test]
async fn those_who_wait_go_on_when_the_one_who_leads_is_cancelled() {
    let office = Office::open(lenient(), []).await;
    let happens = |time| async move {
        if time == 0 {
            futures_util::future::pending::<()>().await;
        }
        true
    };
    let happens = move |time| happens(time).boxed();
    let times = AtomicUsize::new(0);
    let decider = Meddling { rules: office.decider(), times, happens };
    let desk = office.desk_of(Arc::new(decider), 1);
    let ask = |id: &str, who| office.ask(create(id, shift_item(who, monday("08:00", "16:00"))));
    let mut leads = desk.decide(ask("SHFT_1", "ada"));
    assert_eq!((&mut leads).now_or_never(), None);
    let mut waits = desk.decide(ask("SHFT_2", "ben"));
    assert_eq!((&mut waits).now_or_never(), None);
    drop(leads);
    assert!(granted(&waits.await));
    assert!(granted(&desk.decide(ask("SHFT_1", "ada")).await));
    assert_eq!(office.roster().await.len(), 2);
}

#[tokio::test]
async fn an_ask_that_a_cancelled_leader_had_taken_is_decided_all_the_same() {
    let office = Office::open(lenient(), []).await;
    let happens = |time| {
        async move {
            if time < 2 {
                futures_util::future::pending::<()>().await;
            }
            true
        }
        .boxed()
    };
    let times = AtomicUsize::new(0);
    let decider = Meddling { rules: office.decider(), times, happens };
    let desk = office.desk_of(Arc::new(decider), 1);
    let ask = |id: &str, who| office.ask(create(id, shift_item(who, monday("08:00", "16:00"))));
    let mut first = desk.decide(ask("SHFT_1", "ada"));
    assert_eq!((&mut first).now_or_never(), None);
    let mut second = desk.decide(ask("SHFT_2", "ben"));
    assert_eq!((&mut second).now_or_never(), None);
    let mut third = desk.decide(ask("SHFT_3", "cem"));
    assert_eq!((&mut third).now_or_never(), None);
    drop(first);
    // The second leads, has taken the third's ask as well, and is cancelled too.
    assert_eq!((&mut second).now_or_never(), None);
    drop(second);
    assert!(granted(&third.await));
}

#[tokio::test]
async fn what_its_asker_no_longer_waits_for_is_not_granted() {
    let office = Office::open(lenient(), []).await;
    let clock = office.clock.clone();
    let happens = move |time| {
        let clock = clock.clone();
        async move {
            if time == 0 {
                tokio::task::yield_now().await;
                clock.advance(SignedDuration::from_secs(31));
            }
            true
        }
        .boxed()
    };
    let times = AtomicUsize::new(0);
    let decider = Meddling { rules: office.decider(), times, happens };
    let desk = office.desk_of(Arc::new(decider), 1);
    let item = |who| shift_item(who, monday("08:00", "16:00"));
    let long = office.ask(create("SHFT_1", item("ada")));
    let late = office.ask(create("SHFT_2", item("ben")));
    let answers = join_all([desk.decide(long), desk.decide(late.clone())]).await;
    assert!(granted(&answers[0]), "it was being decided");
    assert_eq!(answers[1], Answer::Refused(Refusal::NotReachable));
    // An ask that comes late by our clock may come from one whose clock is slow.
    assert!(granted(&desk.decide(late).await));
}

/// Grants in the mirror, or fails so.
#[derive(Default)]
struct Product {
    fails: Option<FailureClass>,
    approved: std::sync::Mutex<Vec<RemoteId>>,
}

#[async_trait]
impl Approver for Product {
    async fn approve(
        &self,
        _: &CalendarKey,
        _: CommandKind,
        request: &RemoteId,
    ) -> Result<(), Failure> {
        self.approved.lock().expect("the office is in order").push(request.clone());
        self.fails.clone().map_or(Ok(()), |class| Err(failure(class)))
    }
}

async fn due(office: &Office, product: &Product) -> DueReport {
    let entropy = SeededEntropy::new(3);
    let store = office.store.as_ref();
    let outside = (&office.clock as _, &entropy as _);
    approve_due(store, product, outside, &roster(), &mirror())
        .await
        .expect("the office is in order")
}

#[tokio::test]
async fn what_needs_no_manager_is_granted_in_the_mirror_a_little_later() {
    let automatic = [CommandKind::TimeOffRequest, CommandKind::SwapRequest].into();
    let rules = RuleSet { automatic, ..lenient() };
    let office = Office::open(
        rules,
        [
            Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
            Entity::Shift(shift("b", "ben", tuesday("08:00", "16:00"))),
        ],
    )
    .await;
    let item = leave("ada", "2026-12-01", "2026-12-02");
    let absence = AskedRequest::TimeOff { item };
    assert!(granted(&office.asked(step("SREQ_1", &absence, RequestStep::Asked)).await));
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    let swap = AskedRequest::Swap { given, wanted };
    assert!(granted(&office.asked(step("SREQ_2", &swap, RequestStep::Asked)).await));
    assert_eq!(office.request("SREQ_2").await.unwrap().approve_at, None, "not before both agree");
    assert!(granted(&office.asked(step("SREQ_2", &swap, RequestStep::Agreed)).await));
    let product = Product::default();
    assert_eq!(due(&office, &product).await, DueReport::default());
    office.clock.advance(SignedDuration::try_from(APPROVAL_DELAY).unwrap());
    assert_eq!(due(&office, &product).await.done, 2);
    assert_eq!(*product.approved.lock().unwrap(), [at("SREQ_1"), at("SREQ_2")]);
    assert_eq!(due(&office, &product).await, DueReport::default(), "once");
    assert!(granted(&office.asked(step("SREQ_1", &absence, RequestStep::Approved)).await));
    assert_eq!(office.request("SREQ_1").await.unwrap().step, RequestStep::Approved);
}

#[tokio::test]
async fn a_granting_that_fails_is_tried_again_and_given_up_after_a_day() {
    let automatic = [CommandKind::TimeOffRequest].into();
    let office = Office::open(RuleSet { automatic, ..lenient() }, []).await;
    let request = AskedRequest::TimeOff { item: leave("ada", "2026-12-01", "2026-12-02") };
    assert!(granted(&office.asked(step("SREQ_1", &request, RequestStep::Asked)).await));
    let down = Product { fails: Some(FailureClass::Unavailable), ..Product::default() };
    let (mut waits, mut given_up) = (Vec::new(), Vec::new());
    while let Some(next) = office.request("SREQ_1").await.unwrap().approve_at {
        waits.push(next.duration_since(office.now()));
        office.clock.advance_to(next);
        given_up = due(&office, &down).await.given_up;
    }
    assert_eq!(given_up.len(), 1, "said once, when it is over");
    assert_eq!(given_up[0].request, at("SREQ_1"));
    assert!(given_up[0].why.contains("unavailable"), "{given_up:?}");
    assert!(waits.windows(2).take(8).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    let all: SignedDuration = waits.iter().fold(SignedDuration::ZERO, |sum, it| sum + *it);
    assert!(all.unsigned_abs() >= APPROVAL_GIVE_UP);
    assert!(waits.len() < 60, "{}", waits.len());
    assert_eq!(office.request("SREQ_1").await.unwrap().step, RequestStep::Asked);
    let gone = Product { fails: Some(FailureClass::Missing), ..Product::default() };
    let other = AskedRequest::TimeOff { item: leave("ben", "2026-12-01", "2026-12-02") };
    assert!(granted(&office.asked(step("SREQ_2", &other, RequestStep::Asked)).await));
    office.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(due(&office, &gone).await.done, 1);
}
