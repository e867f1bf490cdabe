//! Runs whose driver loses the connection to consensus in the middle of a
//! commit. What this file alone can catch: a write that may or may not have
//! happened and is judged all the same, as green or as a violation.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clusterd_fuzz::campaign::{
    CampaignConfig, CampaignEvent, CaseOptions, Lab, Outcome, Reporter, Seat, Shape, replay,
    run_campaign, run_in,
};
use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::play::block;
use clusterd_fuzz::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use clusterd_fuzz::generate::{Action, Profile};
use clusterd_fuzz::persist::VersionedData;
use clusterd_fuzz::persist::blob::MemBlob;
use clusterd_fuzz::persist::clock::{ManualClock, SeededIds};
use clusterd_fuzz::persist::consensus::{CaSResult, MemConsensus};
use clusterd_fuzz::persist::{Consensus, PersistClient, PersistConfig, SeqNo, StoreError};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::ComputeCommand;
use clusterd_fuzz::protocol::v26_30::PersistLocation;
use clusterd_fuzz::replica::in_process::{Config, InProcess, InTurn};
use clusterd_fuzz::replica::meter::Limits;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::schedule::Schedule;
use clusterd_fuzz::script::Command;
use uuid::Uuid;

/// What becomes of the commit with which the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lost {
    BeforeItHappened,
    AfterItHappened,
}

/// A consensus whose connection is lost with one of the commits, for good.
#[derive(Debug)]
struct Losing {
    store: Arc<MemConsensus>,
    how: Lost,
    /// Commits that still go well; negative once the connection is lost.
    left: AtomicI64,
}

impl Losing {
    fn reachable(&self) -> Result<&MemConsensus, StoreError> {
        if self.left.load(Ordering::SeqCst) < 0 {
            // As a refused connection: this one surely did not happen.
            return Err(StoreError::Determinate("connection refused".into()));
        }
        Ok(&self.store)
    }
}

impl Consensus for Losing {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        self.reachable()?.head(key)
    }
    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        let store = self.reachable()?;
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return store.compare_and_set(key, new);
        }
        if self.how == Lost::AfterItHappened {
            store.compare_and_set(key, new)?;
        }
        Err(StoreError::Indeterminate("connection reset".into()))
    }
    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        self.reachable()?.scan(key, from, limit)
    }
    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        self.reachable()?.truncate(key, seqno)
    }
    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.reachable()?.list_keys()
    }
}

/// In-process replicas with a sound store of which the driver loses sight
/// after so many commits, by the seed of the case.
struct LosingLab {
    how: Lost,
    commits: Box<dyn Fn(u64) -> i64 + Sync>,
}

impl LosingLab {
    fn after(how: Lost, commits: i64) -> Self {
        let commits = Box::new(move |_seed| commits);
        LosingLab { how, commits }
    }
}

impl Lab for LosingLab {
    fn release(&self) -> Release {
        Release::default()
    }

    fn seat_under(
        &self,
        shape: Shape,
        seed: u64,
        _schedule: Option<&Schedule>,
    ) -> Result<Seat, String> {
        let store = Arc::new(MemConsensus::default());
        let blob = Arc::new(MemBlob::default());
        let config = |ids: u64| PersistConfig {
            clock: Arc::new(ManualClock::new(0)),
            ids: Arc::new(SeededIds::new(ids)),
            // Two clients of one store, without notifications.
            poll_max: Duration::ZERO,
            retry_for: Duration::ZERO,
            ..PersistConfig::for_stores("mem:")
        };
        let replica = InProcess::new(Config {
            workers: 1,
            release: Release::default(),
            mutants: Mutants::none(),
            persist: PersistClient::new(blob.clone(), store.clone(), config(seed)),
            scheduler: Rc::new(RefCell::new(InTurn)),
            limits: Limits::default(),
        });
        let losing = Arc::new(Losing {
            store,
            how: self.how,
            left: AtomicI64::new((self.commits)(seed)),
        });
        let client = PersistClient::new(blob, losing, config(seed ^ 1));
        let location = PersistLocation {
            blob_uri: "mem:".to_string(),
            consensus_uri: "mem:".to_string(),
        };
        let target = Sound(Rc::new(RefCell::new(replica)));
        Ok(Seat {
            shape,
            driver: Driver::new(PersistHost::new(client, location), Box::new(target)),
            tells: Some(seed),
            tenants: Vec::new(),
            conductor: None,
        })
    }

    fn leave(&self, _seat: Seat, _spoiled: bool) {}

    fn options(&self, seed: u64) -> CaseOptions {
        CaseOptions {
            patience: Duration::from_secs(10),
            seed: Some(seed),
            keep_log: false,
            one_worker: false,
            linger: Duration::ZERO,
            record: false,
            schedule: None,
        }
    }

    fn concurrency(&self) -> Option<usize> {
        None
    }
}

/// A replica that nothing happens to.
#[derive(Clone)]
struct Sound(Rc<RefCell<InProcess>>);

impl Target for Sound {
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        self.0.borrow_mut().connect(nonce);
        Ok(Box::new(self.clone()))
    }

    fn release(&self) -> Release {
        Release::default()
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        Err(TargetError::Unsupported("nobody asks for it here"))
    }

    fn ended(&mut self, _patience: Duration) -> Option<String> {
        self.0.borrow().ended().map(ToString::to_string)
    }
}

impl Link for Sound {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        self.0.borrow_mut().send(command.clone());
        Ok(())
    }

    fn finish(self: Box<Self>) {}

    fn recv(&mut self, _patience: Duration) -> Received {
        let mut replica = self.0.borrow_mut();
        loop {
            let any = replica.step();
            match (replica.recv(), replica.ended()) {
                (Some(response), _) => return Received::Response(response),
                (None, Some(end)) => return Received::Closed(LinkClosed(end.to_string())),
                (None, None) if any => {}
                (None, None) => return Received::Idle,
            }
        }
    }
}

const SCRIPT: &str = "create-instance
----
ok

initialization-complete
----
ok

write-rows shard=s ts=0
  1 a
----
wrote 1

write-rows shard=s ts=1
  2 b
----
wrote 1

define-index source=1 index=2 shard=s key=[0] as-of=1 upper=2
----
ok

schedule id=2
----
ok

peek id=2 ts=1
----
1 \"a\"
2 \"b\"
";

/// More commits than the driver makes in the script.
const COMMITS: i64 = 10;

/// The script's commands over a store that is lost after so many commits.
fn run(how: Lost, commits: i64) -> Outcome {
    let commands: Vec<Command> = Source::parse(SCRIPT).unwrap().commands();
    run_in(&LosingLab::after(how, commits), &commands, Shape::ONE, 1).unwrap()
}

#[test]
fn a_commit_of_which_nobody_knows_makes_the_case_unknown() {
    let whole = run(Lost::BeforeItHappened, i64::MAX);
    assert_eq!((&whole.unknown, whole.failed), (&None, 0));
    let all = whole.commands;
    for how in [Lost::BeforeItHappened, Lost::AfterItHappened] {
        let mut unknown = 0;
        for commits in 0..COMMITS {
            let outcome = run(how, commits);
            assert_eq!(outcome.violations, vec![], "{how:?}");
            let Some(why) = &outcome.unknown else {
                continue;
            };
            unknown += 1;
            assert!(why.contains("may or may not have happened"), "{why}");
            assert!(outcome.commands < all);
            let last = outcome.answers.last().map(block).unwrap();
            assert_eq!(last, format!("error: {why}"));
            // Nothing is decided at the end of such a run.
            for (id, counts) in &outcome.counts {
                assert!(counts.unknown > 0, "{id}: {counts:?}");
            }
        }
        // Of both appends; the other commits register handles and a schema.
        assert_eq!(unknown, 2, "{how:?}");
    }
}

#[test]
fn a_replay_in_doubt_neither_passes_nor_fails() {
    for how in [Lost::BeforeItHappened, Lost::AfterItHappened] {
        let verdicts: Vec<(bool, bool)> = (0..COMMITS)
            .map(|commits| {
                let lab = LosingLab::after(how, commits);
                let replayed = replay(&lab, Shape::ONE, Path::new("script"), SCRIPT).unwrap();
                assert_eq!(replayed.violations, vec![]);
                (replayed.passed(), replayed.unknown.is_some())
            })
            .collect();
        assert_eq!(verdicts.iter().filter(|(_, unknown)| *unknown).count(), 2);
        assert!(!verdicts.contains(&(true, true)));
    }
}

#[test]
fn a_campaign_counts_what_it_could_not_decide() {
    struct Silent;
    impl Reporter for Silent {
        fn on_event(&mut self, _event: &CampaignEvent) {}
    }
    for how in [Lost::BeforeItHappened, Lost::AfterItHappened] {
        let lab = LosingLab {
            how,
            commits: Box::new(|seed| (seed % 40) as i64),
        };
        let config = CampaignConfig {
            shape: Some(Shape::ONE),
            seed: 5,
            cases: Some(24),
            // A replica of this lab loses its own commits as well, and ends.
            profile: Profile {
                sinks: false,
                ..Profile::default()
            }
            .with_weight(Action::Restart, 0),
            ..CampaignConfig::default()
        };
        let summary = run_campaign(&config, &lab, &mut Silent);
        assert_eq!(summary.cases, 24);
        assert_eq!(summary.broken, 0, "{how:?}: {:?}", summary.signatures);
        assert!(
            summary.unknown > 0 && summary.unknown < 24,
            "{}",
            summary.unknown
        );
    }
}
