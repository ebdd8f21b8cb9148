//! Swaps: granted where two agents are matched for them in Genesys Cloud, refused otherwise.

use std::sync::Arc;

use domain::{
    Command, CommandKind, Directory, Entity, Refusal, Request, RequestStep, Shift, ShiftId,
};
use engine::port::{Clock, Facts, Failure, FailureClass, Verdict};
use jiff::SignedDuration;
use simulators::genesys::{Client, Fault, Options, What};

use super::world::World;

const TRADES: &str = "shift_trades = true";

struct Trading {
    world: World,
    annas: Shift,
    bens: Shift,
    /// Ids of the two shifts in Genesys.
    there: (String, String),
}

impl Trading {
    async fn with(options: Options) -> Self {
        Self::keyed(options, TRADES).await
    }

    async fn keyed(options: Options, keys: &str) -> Self {
        let world = World::with(options, keys);
        let annas = world.work(&world.anna, "2026-11-26");
        let bens = world.work(&world.ben, "2026-12-01");
        world.read().await.unwrap();
        let of = async |who: &str| world.shifts_of(who).await.remove(0);
        let (one, two) = (of(&world.anna).await, of(&world.ben).await);
        Self { world, annas: one, bens: two, there: (annas, bens) }
    }

    async fn try_decide(&self, step: RequestStep) -> Result<Verdict, Failure> {
        let swap = Request::Swap { given: self.annas.id.clone(), wanted: self.bens.id.clone() };
        let command = Command::Request { request: swap, step };
        let directory = Arc::new(Directory::default());
        let entities = [&self.annas, &self.bens].map(|it| Entity::Shift(it.clone())).into();
        let facts = Facts { now: self.world.clock.now(), directory, entities, fresh_ids: vec![] };
        self.world.decider.decide(&command, &facts, "key").await
    }

    async fn decide(&self, step: RequestStep) -> Verdict {
        self.try_decide(step).await.unwrap()
    }

    fn states(&self) -> Vec<String> {
        self.world.genesys.read(|it| it.trades.values().map(|it| it.state.clone()).collect())
    }

    /// How often trades were decided.
    fn decided(&self) -> usize {
        let all = self.world.genesys.requests();
        let bulk = |it: &&simulators::genesys::Seen| it.target.ends_with("/state/bulk/jobs");
        all.iter().filter(bulk).count()
    }
}

fn words(verdict: &Verdict) -> &str {
    let Verdict::Refused(Refusal::Other { said }) = verdict else { panic!("{verdict:?}") };
    said
}

#[tokio::test]
async fn a_swap_that_is_matched_there_is_approved_there_and_read_as_it_was_granted() {
    let plain = Options::default;
    let ways = [
        plain(),
        Options { job_polls: 3, ..plain() },
        Options { job_downloads: true, ..plain() },
        Options { job_polls: 2, job_downloads: true, ..plain() },
    ];
    for options in ways {
        let it = Trading::with(options).await;
        it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
        for step in [RequestStep::Asked, RequestStep::Agreed] {
            let asked = it.decide(step).await;
            assert!(matches!(asked, Verdict::Granted(it) if it.upserts.is_empty()));
            assert_eq!(it.states(), ["Matched"]);
        }
        let Verdict::Granted(change) = it.decide(RequestStep::Approved).await else { panic!() };
        assert_eq!(it.states(), ["Approved"]);
        it.world.read().await.unwrap();
        it.world.assert_exact().await;
        let mut granted: Vec<Shift> = Vec::new();
        for entity in change.upserts {
            let Entity::Shift(shift) = entity else { panic!("{entity:?}") };
            granted.push(shift);
        }
        let of = async |who: &str| it.world.shifts_of(who).await.remove(0);
        let read = [of(&it.world.ben).await, of(&it.world.anna).await];
        for (granted, read) in granted.iter().zip(&read) {
            assert_eq!(Shift { id: granted.id.clone(), ..read.clone() }, *granted);
        }
        // Approved once more it is found approved, and nothing is sent.
        let again = it.decide(RequestStep::Approved).await;
        assert!(matches!(again, Verdict::Granted(_)), "{again:?}");
        assert_eq!(it.decided(), 1);
        // Long after it may be another agreement of the same two that is meant.
        it.world.clock.pass(SignedDuration::from_mins(31));
        assert!(words(&it.decide(RequestStep::Approved).await).contains("has no trade"));
    }
}

#[tokio::test]
async fn whoever_began_it_and_whichever_management_units_they_are_in() {
    let it = Trading::with(Options::default()).await;
    it.world.genesys.move_agent(&it.world.ben, &it.world.outbound);
    it.world.genesys.agree_to_trade(&it.there.1, &it.there.0);
    let Verdict::Granted(change) = it.decide(RequestStep::Approved).await else { panic!() };
    let group = |entity: &Entity| match entity {
        Entity::Shift(it) => it.group.as_ref().unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    let groups: Vec<String> = change.upserts.iter().map(group).collect();
    assert_eq!(groups, [it.world.outbound.clone(), it.world.inbound.clone()]);
}

#[tokio::test]
async fn without_a_trade_or_with_one_that_nobody_accepted_it_is_refused_and_told_why() {
    let it = Trading::with(Options::default()).await;
    for step in [RequestStep::Asked, RequestStep::Approved] {
        assert!(words(&it.decide(step).await).contains("has no trade of these two shifts"));
    }
    // Nothing is there to be taken back.
    for step in [RequestStep::Declined, RequestStep::Cancelled] {
        assert!(matches!(it.decide(step).await, Verdict::Granted(_)));
    }
    it.world.genesys.offer_trade(&it.there.0, &it.there.1);
    assert!(matches!(it.decide(RequestStep::Asked).await, Verdict::Granted(_)));
    assert!(words(&it.decide(RequestStep::Approved).await).contains("is not accepted"));
    assert_eq!((it.states(), it.decided()), (vec!["Unmatched".to_owned()], 0));
    // A trade of other shifts is none of these.
    let it = Trading::with(Options::default()).await;
    let other = it.world.work(&it.world.ben, "2026-11-27");
    it.world.genesys.agree_to_trade(&it.there.0, &other);
    assert!(words(&it.decide(RequestStep::Approved).await).contains("has no trade"));
}

#[tokio::test]
async fn what_is_declined_is_denied_there() {
    for step in [RequestStep::Declined, RequestStep::Cancelled] {
        let it = Trading::with(Options::default()).await;
        it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
        assert!(matches!(it.decide(step).await, Verdict::Granted(it) if it.upserts.is_empty()));
        assert_eq!(it.states(), ["Denied"]);
    }
}

#[tokio::test]
async fn a_trade_that_changes_meanwhile_is_read_again() {
    let it = Trading::with(Options::default()).await;
    let trade = it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    it.world.genesys.set_trade_meddled(&trade, 2);
    assert!(matches!(it.decide(RequestStep::Approved).await, Verdict::Granted(_)));
    assert_eq!((it.states(), it.decided()), (vec!["Approved".to_owned()], 3));
    let it = Trading::with(Options::default()).await;
    let trade = it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    it.world.genesys.set_trade_meddled(&trade, 100);
    assert_eq!(it.decide(RequestStep::Approved).await, Verdict::Refused(Refusal::Outdated));
    assert_eq!(it.states(), ["Matched"]);
}

#[tokio::test]
async fn a_lost_answer_and_a_job_without_end_are_no_second_decision() {
    let it = Trading::with(Options::default()).await;
    it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    let fault = Fault::on("POST").at("/state/bulk/jobs").times(1).then(What::ResetAfterApply);
    it.world.genesys.set_faults([fault]);
    let lost = it.try_decide(RequestStep::Approved).await.unwrap_err();
    assert_eq!(lost.class, FailureClass::Unknown);
    assert!(matches!(it.decide(RequestStep::Approved).await, Verdict::Granted(_)));
    assert_eq!((it.states(), it.decided()), (vec!["Approved".to_owned()], 1));

    let it = Trading::with(Options { job_polls: 100, ..Options::default() }).await;
    it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    let endless = it.try_decide(RequestStep::Approved).await.unwrap_err();
    assert_eq!(endless.class, FailureClass::Unknown);
    assert_eq!(it.decided(), 0, "what is not known is not decided");
}

#[tokio::test]
async fn a_shift_that_is_not_there_any_more_is_refused_in_the_vendors_word() {
    let it = Trading::with(Options::default()).await;
    it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    it.world.genesys.delete_shift(&it.there.1);
    let refused = it.decide(RequestStep::Approved).await;
    assert!(words(&refused).contains("ShiftNotFound"), "{refused:?}");
    assert_eq!(it.states(), ["Matched"]);
}

#[tokio::test]
async fn without_the_key_or_the_permission_no_trade_is_decided() {
    let it = Trading::keyed(Options::default(), "").await;
    let kind = CommandKind::SwapRequest;
    assert!(!it.world.decider.decides().contains(&kind));
    it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    let refused = it.decide(RequestStep::Approved).await;
    assert_eq!(refused, Verdict::Refused(Refusal::NotHere { kind }));
    assert_eq!(it.states(), ["Matched"]);

    let client = Client::default().without(&["wfm:shiftTradeRequest:edit"]);
    let options = Options { clients: vec![client], ..Options::default() };
    let it = Trading::with(options).await;
    assert!(it.world.decider.decides().contains(&kind));
    it.world.genesys.agree_to_trade(&it.there.0, &it.there.1);
    let failed = it.try_decide(RequestStep::Approved).await.unwrap_err();
    assert_eq!(failed.class, FailureClass::Forbidden);
    // Offers give a shift away: no trade of two.
    let given = ShiftId::new("s").unwrap();
    let to = it.bens.employee.clone();
    let command =
        Command::Request { request: Request::Offer { given, to }, step: RequestStep::Asked };
    let directory = Arc::new(Directory::default());
    let now = it.world.clock.now();
    let facts = Facts { now, directory, entities: vec![], fresh_ids: vec![] };
    let kind = CommandKind::OfferRequest;
    let refused = it.world.decider.decide(&command, &facts, "key").await.unwrap();
    assert_eq!(refused, Verdict::Refused(Refusal::NotHere { kind }));
}

/// Both kinds of jobs, asked for once more until they are done.
pub async fn a_swap_is_decided(world: &World) {
    let annas = world.work(&world.anna, "2026-12-10");
    let carls = world.work(&world.carl, "2026-12-11");
    world.read().await.unwrap();
    world.genesys.agree_to_trade(&annas, &carls);
    let last = async |who: &str| world.shifts_of(who).await.pop().unwrap();
    let (annas, carls) = (last(&world.anna).await, last(&world.carl).await);
    let request = Request::Swap { given: annas.id.clone(), wanted: carls.id.clone() };
    let command = Command::Request { request, step: RequestStep::Approved };
    let directory = Arc::new(Directory::default());
    let entities = [annas, carls].map(Entity::Shift).into();
    let facts = Facts { now: world.clock.now(), directory, entities, fresh_ids: vec![] };
    let verdict = world.decider.decide(&command, &facts, "key").await.unwrap();
    assert!(matches!(verdict, Verdict::Granted(_)), "{verdict:?}");
}
