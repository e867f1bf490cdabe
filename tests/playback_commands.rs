//! Plays the commands that a real driver sent, as they were recorded, to
//! miniclusterd over the shards that were recorded with them, and holds what
//! comes back to what the real clusterd said: last frontiers, answers,
//! contents of subscribes. What this file alone can catch: a command that only
//! the real driver builds and we cannot serve, and shards of the real persist
//! that our source reads otherwise than our own.
//!
//! The shards are in their final state: what was written between two commands
//! is there from the beginning. So frontiers on the way are not compared; what
//! is sealed must be the same. The recorded driver held nothing, so that
//! readers let the since of some shards pass the as-of that they had read from;
//! such a shard is taken as it was before that ([`Shards`]).

#[path = "persist/golden.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod golden;
mod recording;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use clusterd_fuzz::driver::{Frontiers, Session};
use clusterd_fuzz::persist::VersionedData;
use clusterd_fuzz::persist::blob::MemBlob;
use clusterd_fuzz::persist::clock::{ManualClock, SeededIds};
use clusterd_fuzz::persist::consensus::MemConsensus;
use clusterd_fuzz::persist::{Blob, CONTROLLER_CRITICAL_READER, PersistClient, PersistConfig};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::{ComputeCommand, DataflowDescription};
use clusterd_fuzz::protocol::v26_30::{
    ComputeResponse, ComputeSinkConnection, PeekResponse, SubscribeResponse,
};
use clusterd_fuzz::replica::in_process::{Config, InProcess, InTurn};
use clusterd_fuzz::replica::meter::Limits;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::repr::{Antichain, Diff, GlobalId, Row, ShardId, Timestamp};
use recording::{Said, sessions};
use uuid::Uuid;

/// The release that the recordings are of.
const RELEASE: Release = Release::V26_30;

/// Recordings, and files of frames in them, that are not covered; each with
/// the reason. The list only shrinks.
const NOT_COVERED: &[(&str, &str)] = &[];

/// What a replica said in one session, by meaning.
#[derive(Default)]
struct Heard {
    session: Session,
    reported: BTreeSet<GlobalId>,
    /// Every answer of a peek, in order.
    answers: BTreeMap<Uuid, Vec<PeekResponse>>,
    subscribes: BTreeMap<GlobalId, Subscribed>,
}

#[derive(Default)]
struct Subscribed {
    upper: Option<Antichain>,
    contents: BTreeMap<(Timestamp, Row), Diff>,
    error: Option<String>,
    dropped: bool,
}

impl Heard {
    fn hear(&mut self, response: &ComputeResponse) {
        self.session.absorb(response);
        match response {
            ComputeResponse::Frontiers(id, _) => {
                self.reported.insert(*id);
            }
            ComputeResponse::PeekResponse(uuid, answer, _) => {
                self.answers.entry(*uuid).or_default().push(answer.clone());
            }
            ComputeResponse::SubscribeResponse(id, SubscribeResponse::Batch(batch)) => {
                let subscribed = self.subscribes.entry(*id).or_default();
                subscribed.upper = Some(batch.upper.clone());
                match &batch.updates {
                    Ok(collections) => {
                        for collection in collections {
                            for (row, time, diff) in collection.updates().unwrap() {
                                *subscribed.contents.entry((time, row)).or_default() += diff;
                            }
                        }
                    }
                    Err(text) => subscribed.error = Some(text.clone()),
                }
            }
            ComputeResponse::SubscribeResponse(id, SubscribeResponse::DroppedAt(_)) => {
                self.subscribes.entry(*id).or_default().dropped = true;
            }
            ComputeResponse::CopyToResponse(..) | ComputeResponse::Status(_) => {}
        }
    }
}

/// An answer without what is free: the order and the cutting of collections.
fn meaning(answer: &PeekResponse) -> Result<BTreeMap<Row, usize>, String> {
    match answer {
        PeekResponse::Rows(collections) => {
            let mut rows = BTreeMap::new();
            for collection in collections {
                for (row, count) in collection.rows().unwrap() {
                    *rows.entry(row).or_default() += count;
                }
            }
            Ok(rows)
        }
        PeekResponse::Stashed(_) => Err("stashed".to_string()),
        PeekResponse::Error(text) => Err(text.clone()),
        PeekResponse::Canceled => Err("canceled".to_string()),
    }
}

/// Sends everything that was said to the replica; what it said, by session.
fn play(
    recorded: &[Vec<Said>],
    renamed: &BTreeMap<Vec<u8>, Vec<u8>>,
    client: &Arc<PersistClient>,
    workers: usize,
) -> (Vec<Heard>, Option<String>) {
    let mut replica = InProcess::new(Config {
        workers,
        release: RELEASE,
        mutants: Mutants::none(),
        persist: Arc::clone(client),
        scheduler: Rc::new(RefCell::new(InTurn)),
        limits: Limits::default(),
    });
    let mut all = Vec::new();
    for session in recorded {
        let mut heard = Heard::default();
        let commands = session.iter().filter_map(|said| match said {
            Said::Command(command) => Some(command),
            Said::Response(_) => None,
        });
        for command in commands {
            replica.send(rename(command, renamed));
            // Until it has nothing to do: the recorded driver waited for most
            // of what it asked.
            loop {
                let any = replica.step();
                while let Some(response) = replica.recv() {
                    heard.hear(&response);
                }
                if !any {
                    break;
                }
            }
        }
        all.push(heard);
    }
    let ended = replica.ended().map(ToString::to_string);
    (all, ended)
}

/// The command with the shards of another run; byte for byte as it was
/// recorded if nothing is renamed.
fn rename(command: &ComputeCommand, renamed: &BTreeMap<Vec<u8>, Vec<u8>>) -> ComputeCommand {
    let mut bytes = RELEASE.encode_command(command.clone()).unwrap();
    for (from, to) in renamed {
        for at in 0..=bytes.len().saturating_sub(from.len()) {
            if bytes[at..].starts_with(from) {
                bytes[at..at + from.len()].copy_from_slice(to);
            }
        }
    }
    RELEASE.decode_command(&bytes).unwrap()
}

/// The texts of shard ids in the commands, in order of first occurrence.
fn shards(sessions: &[Vec<Said>]) -> Vec<Vec<u8>> {
    /// `s` and a uuid.
    const LENGTH: usize = 37;
    let mut found: Vec<Vec<u8>> = Vec::new();
    for said in sessions.iter().flatten() {
        let Said::Command(command) = said else {
            continue;
        };
        let bytes = RELEASE.encode_command(command.clone()).unwrap();
        for text in bytes.windows(LENGTH) {
            let uuid = std::str::from_utf8(&text[1..]).ok();
            let is_shard = text[0] == b's' && uuid.is_some_and(|u| Uuid::try_parse(u).is_ok());
            if is_shard && !found.iter().any(|known| known == text) {
                found.push(text.to_vec());
            }
        }
    }
    found
}

/// What of a session differs.
///
/// `sealed` says whose frontiers cannot have been further in the recording.
fn compare(
    recorded: &Heard,
    ours: &Heard,
    sealed: impl Fn(GlobalId) -> bool,
    problems: &mut Vec<String>,
) {
    if !ours.reported.is_superset(&recorded.reported) {
        problems.push(format!(
            "reported {:?}, ours {:?}",
            recorded.reported, ours.reported
        ));
    }
    for id in &recorded.reported {
        let (theirs, mine) = (recorded.session.frontiers(*id), ours.session.frontiers(*id));
        if sealed(*id) && theirs != mine {
            problems.push(format!("{id}: recorded {theirs:?}, ours {mine:?}"));
        }
        if !reached(&theirs, &mine) {
            problems.push(format!("{id}: recorded {theirs:?}, ours behind {mine:?}"));
        }
    }
    for (uuid, theirs) in &recorded.answers {
        let theirs: Vec<_> = theirs.iter().map(meaning).collect();
        let mine = ours.answers.get(uuid).map(Vec::as_slice);
        let mine: Vec<_> = mine.unwrap_or_default().iter().map(meaning).collect();
        if theirs != mine {
            problems.push(format!("peek {uuid}: recorded {theirs:?}, ours {mine:?}"));
        }
    }
    for (id, theirs) in &recorded.subscribes {
        let Some(mine) = ours.subscribes.get(id) else {
            problems.push(format!("subscribe {id} said nothing"));
            continue;
        };
        let nothing = Antichain::minimum();
        let upper = theirs.upper.as_ref().unwrap_or(&nothing);
        let sealed = |subscribed: &Subscribed| -> BTreeMap<(Timestamp, Row), Diff> {
            let contents = subscribed.contents.iter();
            let sealed =
                contents.filter(|((time, _), diff)| !upper.less_equal(*time) && **diff != 0);
            sealed
                .map(|(update, diff)| (update.clone(), *diff))
                .collect()
        };
        if sealed(theirs) != sealed(mine) {
            problems.push(format!(
                "subscribe {id} before {upper:?}: recorded {:?}, ours {:?}",
                sealed(theirs),
                sealed(mine)
            ));
        }
        if (&theirs.error, theirs.dropped) != (&mine.error, mine.dropped) {
            problems.push(format!(
                "subscribe {id}: recorded error {:?}, ours {:?}",
                theirs.error, mine.error
            ));
        }
        if mine.upper.as_ref().is_none_or(|mine| mine < upper) {
            problems.push(format!(
                "subscribe {id}: recorded up to {upper:?}, ours {:?}",
                mine.upper
            ));
        }
    }
}

/// Whether every frontier that they reported is reached.
fn reached(theirs: &Frontiers, ours: &Frontiers) -> bool {
    let reached = |theirs: &Option<Antichain>, ours: &Option<Antichain>| match (theirs, ours) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(theirs), Some(ours)) => theirs <= ours,
    };
    reached(&theirs.write, &ours.write)
        && reached(&theirs.input, &ours.input)
        && reached(&theirs.output, &ours.output)
}

/// The shards of a recording, readable from every as-of that it reads from.
struct Shards {
    /// As they are at the end.
    whole: Arc<PersistClient>,
    /// What is played over.
    played: Arc<PersistClient>,
}

fn client(consensus: Arc<MemConsensus>, blob: Arc<MemBlob>) -> Arc<PersistClient> {
    let mut config = PersistConfig::for_stores("mem:");
    config.clock = Arc::new(ManualClock::new(0));
    config.ids = Arc::new(SeededIds::new(26));
    PersistClient::new(blob, consensus, config)
}

impl Shards {
    fn load(folder: &Path, recorded: &[Vec<Said>]) -> Shards {
        let (consensus, blob) = golden::load(folder);
        let mut shards = Shards {
            whole: client(consensus, blob),
            played: client(Arc::default(), Arc::default()),
        };
        let consensus = Arc::new(MemConsensus::default());
        let blob = Arc::new(MemBlob::default());
        for (key, value) in golden::blobs(folder) {
            blob.set(&key, value).unwrap();
        }
        let as_ofs = as_ofs(recorded);
        let mut cut = Vec::new();
        for (name, mut log) in golden::logs(folder) {
            let shard: ShardId = name.parse().unwrap();
            let as_of = as_ofs.get(&shard).copied().unwrap_or(0);
            let readable = |log: &[VersionedData]| {
                let prefix = Arc::new(MemConsensus::default());
                log.iter()
                    .for_each(|entry| prefix.load(&name, entry.clone()));
                let state = client(prefix, Arc::clone(&blob)).state(shard).unwrap();
                (*state.since() <= Antichain::from_elem(as_of)).then(|| state.upper().clone())
            };
            if readable(&log).is_none() {
                let upper = loop {
                    log.pop()
                        .unwrap_or_else(|| panic!("{name} was never readable at {as_of}"));
                    if let Some(upper) = readable(&log) {
                        break upper;
                    }
                };
                cut.push((shard, upper));
            }
            log.into_iter()
                .for_each(|entry| consensus.load(&name, entry));
        }
        shards.played = client(consensus, blob);
        for name in shards.played.consensus().list_keys().unwrap() {
            let held = shards
                .played
                .open_critical_reader(name.parse().unwrap(), CONTROLLER_CRITICAL_READER);
            // Registered for good; the handle only moves it.
            drop(held.unwrap());
        }
        for (shard, upper) in cut {
            shards.append_rest(shard, upper);
        }
        shards
    }

    /// Appends what was written from `upper` on.
    fn append_rest(&self, shard: ShardId, mut upper: Antichain) {
        let end = self.whole.upper(shard).unwrap();
        let desc = self.whole.schema(shard).unwrap().expect("it was written");
        let reader = self.whole.open_leased_reader(shard, &desc, "rest").unwrap();
        let from = upper.as_option().expect("it is open").checked_sub(1);
        let mut listen = reader.listen(from.expect("it was written")).unwrap();
        let mut writer = self.played.open_writer(shard, &desc, "rest").unwrap();
        while upper < end {
            let event = listen.poll_next().unwrap().expect("it was sealed");
            let updates = event.updates().unwrap();
            let next = event.frontier.clone();
            let appended = writer.compare_and_append(&updates, upper, next.clone());
            appended.unwrap().unwrap();
            upper = next;
        }
    }
}

/// The descriptions of all dataflows that were created.
fn dataflows(recorded: &[Vec<Said>]) -> impl Iterator<Item = &DataflowDescription> {
    let said = recorded.iter().flatten();
    said.filter_map(|said| match said {
        Said::Command(ComputeCommand::CreateDataflow(desc)) => Some(&**desc),
        Said::Command(_) | Said::Response(_) => None,
    })
}

/// The shards that a dataflow reads as sources.
fn sources(desc: &DataflowDescription) -> impl Iterator<Item = ShardId> {
    let sources = desc.source_imports.values();
    sources.map(|import| import.desc.storage_metadata.data_shard)
}

/// The shards that views of a dataflow write.
fn targets(desc: &DataflowDescription) -> impl Iterator<Item = ShardId> {
    let sinks = desc.sink_exports.values();
    sinks.filter_map(|sink| match &sink.connection {
        ComputeSinkConnection::MaterializedView(view) => Some(view.storage_metadata.data_shard),
        ComputeSinkConnection::Subscribe(_) | ComputeSinkConnection::CopyToS3Oneshot(_) => None,
    })
}

/// The least as-of at which each shard is read, as a source or as the target
/// of a sink.
fn as_ofs(recorded: &[Vec<Said>]) -> BTreeMap<ShardId, Timestamp> {
    let mut found: BTreeMap<ShardId, Timestamp> = BTreeMap::new();
    for desc in dataflows(recorded) {
        let as_of = desc.as_of.as_ref().and_then(Antichain::as_option).unwrap();
        for shard in sources(desc).chain(targets(desc)) {
            let least = found.entry(shard).or_insert(as_of);
            *least = as_of.min(*least);
        }
    }
    found
}

/// Indexes on shards that a view of the recording writes: it finds writes at
/// once that came only later, so that it may have come further when a
/// reconnect dropped it.
fn on_views(recorded: &[Vec<Said>]) -> BTreeSet<GlobalId> {
    let written: BTreeSet<ShardId> = dataflows(recorded).flat_map(targets).collect();
    dataflows(recorded)
        .filter(|desc| sources(desc).any(|shard| written.contains(&shard)))
        .flat_map(|desc| desc.index_exports.keys().copied())
        .collect()
}

/// Plays one file of frames over the shards of its recording.
fn problems(folder: &Path, frames: &str, workers: usize) -> Vec<String> {
    let recorded = sessions(&folder.join(frames));
    // The shards are those of the run with one worker; other runs of the same
    // script have the same shards in the same order, under other names.
    let of_the_shards = sessions(&folder.join("frames.jsonl"));
    let loaded = Shards::load(folder, &of_the_shards);
    let kept = shards(&of_the_shards);
    let named = shards(&recorded);
    assert_eq!(kept.len(), named.len());
    let renamed = named
        .into_iter()
        .zip(kept)
        .filter(|(a, b)| a != b)
        .collect();
    let on_views = on_views(&recorded);
    let (ours, ended) = play(&recorded, &renamed, &loaded.played, workers);
    let mut problems: Vec<String> = ended.into_iter().collect();
    for (at, (session, ours)) in recorded.iter().zip(&ours).enumerate() {
        let mut theirs = Heard::default();
        for said in session {
            if let Said::Response(response) = said {
                theirs.hear(response);
            }
        }
        let last = at + 1 == recorded.len();
        let sealed = |id: GlobalId| last && !on_views.contains(&id);
        compare(&theirs, ours, sealed, &mut problems);
    }
    problems
}

#[test]
fn recorded_commands_over_recorded_shards_mean_what_a_real_clusterd_said() {
    let recordings = golden::folder().join("recordings");
    let mut names: Vec<String> = std::fs::read_dir(&recordings)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 25);
    let (mut failed, mut played) = (Vec::new(), 0);
    for name in &names {
        for (frames, workers) in [("frames.jsonl", 1), ("frames-4-workers.jsonl", 4)] {
            let shown = format!("{name}/{frames}");
            let skipped = NOT_COVERED.iter().find(|(file, _)| *file == shown);
            let found = problems(&recordings.join(name), frames, workers);
            match (skipped, found.is_empty()) {
                (None, true) => played += 1,
                (None, false) => failed.push(format!("{shown}:\n  {}", found.join("\n  "))),
                (Some((_, why)), false) => println!("not covered: {shown}: {why}"),
                (Some(_), true) => failed.push(format!("{shown} passes: take it off the list")),
            }
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    assert_eq!(played + NOT_COVERED.len(), 50);
}
