//! A system of record that is somewhere else: it takes its time, and what it grants comes back from
//! there before it is kept here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, Entity, EntityKind, Refusal,
    Request, RequestStep, ScheduleItem, Shift,
};
use engine::port::{
    Answer, Approvals, AskWhat, AskedRequest, Decider, Facts, FactsNeeded, Failure, RosterChange,
    Verdict,
};
use futures_util::future::join_all;
use jiff::SignedDuration;
use testkit::builders::employee_id;

use super::office::{Office, approval, create, granted, refused, shown, step};
use super::pages::{group_id, lenient, monday, open_shift, shift};

/// What happens while it thinks, the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// What it made is read.
    Read,
    /// It is read, and shown in the mirror.
    Shown,
    /// So many seconds pass.
    Seconds(i64),
}

/// Grants everything; what is made of it is one shift of Ada's.
struct Elsewhere {
    office: Arc<Office>,
    meanwhile: Mutex<Meanwhile>,
    asked: Mutex<Vec<(RequestStep, String)>>,
    kinds: BTreeSet<CommandKind>,
}

impl Elsewhere {
    fn new(office: &Arc<Office>, meanwhile: Meanwhile) -> Arc<Self> {
        Arc::new(Self {
            office: Arc::clone(office),
            meanwhile: Mutex::new(meanwhile),
            asked: Mutex::default(),
            kinds: CommandKind::ALL.into_iter().collect(),
        })
    }

    fn asked(&self) -> Vec<RequestStep> {
        self.asked.lock().unwrap().iter().map(|it| it.0).collect()
    }
}

fn made() -> Entity {
    let group = Some(group_id("ward"));
    Entity::Shift(Shift { group, ..shift("wfm-1", "ada", monday("08:00", "16:00")) })
}

fn its() -> ScheduleItem {
    ScheduleItem::Shift(shown("ada", monday("08:00", "16:00")))
}

#[async_trait]
impl Decider for Elsewhere {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        static NONE: BTreeSet<CommandKind> = BTreeSet::new();
        &NONE
    }

    fn needs(&self, _: &Command, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn decide(&self, command: &Command, _: &Facts, key: &str) -> Result<Verdict, Failure> {
        let step = match command {
            Command::Request { step, .. } => *step,
            _ => RequestStep::Approved,
        };
        self.asked.lock().unwrap().push((step, key.to_owned()));
        let meanwhile = std::mem::replace(&mut *self.meanwhile.lock().unwrap(), Meanwhile::Nothing);
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Read => self.office.put([made()]).await,
            Meanwhile::Shown => {
                self.office.put([made()]).await;
                // On a thread of its own: a cycle stays on the thread where it began.
                let office = Arc::clone(&self.office);
                let cycle = move || {
                    let here = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    here.block_on(office.cycle());
                };
                std::thread::spawn(cycle).join().unwrap();
            }
            Meanwhile::Seconds(passed) => {
                // Others come to ask meanwhile.
                tokio::task::yield_now().await;
                self.office.clock.advance(SignedDuration::from_secs(passed));
            }
        }
        let makes = match command {
            Command::CreateShift { .. }
            | Command::Request {
                request: Request::OpenShift { .. },
                step: RequestStep::Approved,
            } => {
                vec![made()]
            }
            _ => vec![],
        };
        Ok(Verdict::Granted(RosterChange { upserts: makes, tombstones: vec![] }))
    }

    fn needs_for(&self, _: &EligibilityQuestion, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn eligible(&self, _: &EligibilityQuestion, _: &Facts) -> Result<Vec<Eligible>, Failure> {
        Ok(vec![])
    }
}

#[tokio::test]
async fn what_is_shown_already_when_its_grant_is_heard_of_is_not_made_a_second_time() {
    let office = Arc::new(Office::open(lenient(), []).await);
    let wfm = Elsewhere::new(&office, Meanwhile::Shown);
    let desk = office.desk_of(wfm, 1);
    let answer = desk.decide(office.ask(create("SHFT_1", its()))).await;
    assert_eq!(refused(&answer), Some(Refusal::NotReachable));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert_eq!(office.product_shows().len(), 1, "as it was made from the roster");
}

#[tokio::test]
async fn what_is_only_read_when_its_grant_is_heard_of_is_made_by_the_vendor() {
    let office = Arc::new(Office::open(lenient(), []).await);
    let wfm = Elsewhere::new(&office, Meanwhile::Read);
    let desk = office.desk_of(Arc::clone(&wfm) as Arc<dyn Decider>, 1);
    let answer = desk.decide(office.ask(create("SHFT_1", its()))).await;
    assert!(granted(&answer), "{answer:?}");
    assert_eq!(wfm.asked().len(), 1, "what it granted is remembered while it cannot be kept");
    // Nobody else makes it in the meantime.
    assert_eq!(office.cycle().await.created, 0);
    office.product_puts("SHFT_1", its());
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert_eq!(office.product_shows().len(), 1);
}

#[tokio::test]
async fn a_request_whose_shift_is_shown_already_is_granted_and_leaves_one_shift() {
    let open = Entity::OpenShift(domain::OpenShift {
        group: Some(group_id("ward")),
        ..open_shift("o", 2, monday("08:00", "16:00"))
    });
    let office = Arc::new(Office::open(lenient(), [open]).await);
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let request = AskedRequest::OpenShift { open_shift, employee: employee_id("ada") };
    let wfm = Elsewhere::new(&office, Meanwhile::Shown);
    let desk = office.desk_of(wfm, 1);
    let answer = desk.decide(office.ask(approval("OREQ_1", &request, [("SHFT_9", its())]))).await;
    assert!(granted(&answer), "or it would stay open for ever: {answer:?}");
    office.product_puts("SHFT_9", its());
    office.later_writes().await;
    let shifts = || {
        let all = office.product_shows();
        all.into_iter().filter(|it| matches!(it.1, ScheduleItem::Shift(_))).collect::<Vec<_>>()
    };
    let ids: Vec<String> = shifts().into_iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, ["SHFT_9"]);
    assert_eq!(office.later_writes().await, (0, 0, 0));
}

#[tokio::test]
async fn an_ask_that_expires_while_another_is_thought_about_is_not_carried_out() {
    let office = Arc::new(Office::open(lenient(), []).await);
    let wfm = Elsewhere::new(&office, Meanwhile::Seconds(40));
    let desk = office.desk_of(Arc::clone(&wfm) as Arc<dyn Decider>, 1);
    let other = ScheduleItem::Shift(shown("ben", monday("09:00", "17:00")));
    let asks = [create("SHFT_1", its()), create("SHFT_2", other)].map(|it| office.ask(it));
    let answers = join_all(asks.map(|ask| desk.decide(ask))).await;
    assert!(granted(&answers[0]));
    assert_eq!(refused(&answers[1]), Some(Refusal::NotReachable));
    assert_eq!(wfm.asked().len(), 1, "the second is not put to it any more");
}

#[tokio::test]
async fn a_manager_who_is_faster_than_the_colleague_answers_for_both() {
    let of = |id: &str, who: &str, times: (&str, &str)| {
        let group = Some(group_id("ward"));
        Entity::Shift(Shift { group, ..shift(id, who, monday(times.0, times.1)) })
    };
    let early = of("a", "ada", ("06:00", "10:00"));
    let late = of("b", "ben", ("14:00", "18:00"));
    let office = Arc::new(Office::open(lenient(), [early, late]).await);
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    let swap = AskedRequest::Swap { given, wanted };
    let wfm = Elsewhere::new(&office, Meanwhile::Nothing);
    let desk = office.desk_of(Arc::clone(&wfm) as Arc<dyn Decider>, 1);
    let ask = async |what: AskWhat| -> Answer { desk.decide(office.ask(what)).await };
    assert!(granted(&ask(step("SREQ_1", &swap, RequestStep::Asked)).await));
    assert!(granted(&ask(step("SREQ_1", &swap, RequestStep::Approved)).await));
    use RequestStep::{Agreed, Approved, Asked};
    assert_eq!(wfm.asked(), [Asked, Agreed, Approved]);
    // Under keys of their own, the colleague's being the one of their own yes.
    let keys: BTreeSet<String> = wfm.asked.lock().unwrap().iter().map(|it| it.1.clone()).collect();
    assert_eq!(keys.len(), 3);
    let own = step("SREQ_2", &swap, Agreed);
    let own = engine::approve::key::key_of(&office.ask(own), None).to_string();
    assert!(keys.contains(&own), "{own}");
}

#[tokio::test]
async fn several_items_are_changed_together_by_rules_and_refused_by_another_system() {
    let of = |id: &str, who: &str, times: (&str, &str)| {
        let group = Some(group_id("ward"));
        Entity::Shift(Shift { group, ..shift(id, who, monday(times.0, times.1)) })
    };
    let all = [of("a", "ada", ("08:00", "12:00")), of("b", "ben", ("08:00", "12:00"))];
    let office = Arc::new(Office::open(lenient(), all).await);
    let (a, b) =
        (office.remote(EntityKind::Shift, "a").await, office.remote(EntityKind::Shift, "b").await);
    let edits = |ben: &str| {
        let item = |who: &str, end| ScheduleItem::Shift(shown(who, monday("08:00", end)));
        vec![
            office.ask(AskWhat::Edit { at: a.clone(), item: item("ada", "13:00") }),
            office.ask(AskWhat::Edit { at: b.clone(), item: item(ben, "14:00") }),
        ]
    };
    let before = office.roster().await;
    // The second cannot be: nobody of that name.
    let answer = office.desk().decide_together(edits("nobody")).await;
    assert!(!granted(&answer), "{answer:?}");
    assert_eq!(office.roster().await, before, "so the first was not, either");
    let elsewhere = office.desk_of(Elsewhere::new(&office, Meanwhile::Nothing), 7);
    let answer = elsewhere.decide_together(edits("ben")).await;
    assert_eq!(refused(&answer), Some(Refusal::NotHere { kind: CommandKind::Shift }));
    let answer = office.desk().decide_together(edits("ben")).await;
    assert!(granted(&answer), "{answer:?}");
    let ends: Vec<_> =
        office.roster().await.iter().map(|it| it.interval().unwrap().end()).collect();
    assert_eq!(ends, [monday("08:00", "13:00").end(), monday("08:00", "14:00").end()]);
    assert_eq!(office.desk().decide_together(edits("ben")).await, answer, "a repetition");
}
