//! The contents of recorded shards: at every time that can still be read, a
//! shard holds what its script wrote. What this file alone can catch: a part
//! that decodes to plausible but other rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use clusterd_fuzz::persist::state::State;
use clusterd_fuzz::persist::{
    Blob, Consensus, PersistClient, PersistConfig, PersistError, ReadHandle, Update, check,
    consolidate, list_shards,
};
use clusterd_fuzz::repr::ShardId;

use crate::golden;
use crate::writes::{self, Written};

fn script(name: &str, folder: &Path) -> PathBuf {
    let own = folder.join("script.spec");
    if own.exists() {
        return own;
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scripts/{name}.spec"))
}

fn expected(written: &Written, t: u64) -> Vec<Update> {
    let upto = written.updates.iter().filter(|u| u.1 <= t);
    let mut rows: Vec<Update> = upto.map(|(k, _, d)| (k.clone(), t, *d)).collect();
    consolidate(&mut rows);
    rows
}

/// The times to look at: all that can be read, thinned out in long histories.
fn times(state: &State) -> Vec<u64> {
    let since = state.since().as_option().unwrap_or(0);
    let end = state.upper().as_option().unwrap_or(since + 1);
    let step = ((end.saturating_sub(since)) / 12).max(1);
    let mut times: Vec<u64> = (since..end).step_by(step as usize).collect();
    times.extend((since < end).then(|| end - 1));
    times.dedup();
    times
}

fn matches(reader: &ReadHandle, written: &Written, times: &[u64]) -> bool {
    times.iter().all(|t| match reader.snapshot(*t) {
        Ok(rows) => rows == expected(written, *t),
        Err(PersistError::Incompatible { .. }) => false,
        Err(error) => panic!("{error}"),
    })
}

#[test]
fn recorded_shards_hold_what_their_scripts_wrote() {
    let mut found = 0;
    let mut unnamed: BTreeMap<String, usize> = BTreeMap::new();
    for (name, folder) in golden::stores() {
        let (consensus, blob) = golden::load(&folder);
        let client = PersistClient::new(blob, consensus, PersistConfig::for_stores("mem:"));
        let written = writes::of_script(&script(&name, &folder));
        let mut shards: Vec<ShardId> = golden::logs(&folder)
            .into_iter()
            .map(|(shard, _)| shard.parse().unwrap())
            .collect();
        for (alias, written) in written {
            let place = shards.iter().position(|shard| {
                let state = client.state(*shard).unwrap();
                let upper = state.upper().as_option();
                if upper != Some(written.upper) {
                    return false;
                }
                let reader = client
                    .open_leased_reader(*shard, &written.desc, "test")
                    .unwrap();
                matches(&reader, &written, &times(&state))
            });
            let place = place.unwrap_or_else(|| panic!("{name}: nothing holds {alias}"));
            let shard = shards.remove(place);
            // Its registered schema is the one that we would register.
            client.register_schema(shard, &written.desc).unwrap();
            found += 1;
        }
        if !shards.is_empty() {
            unnamed.insert(name, shards.len());
        }
    }
    assert_eq!(found, 43);
    // The others are targets of materialized views.
    assert_eq!(unnamed.values().sum::<usize>(), 5, "{unnamed:?}");
}

#[test]
fn no_recorded_shard_breaks_a_rule() {
    let mut shards = 0;
    for (name, folder) in golden::stores() {
        let (consensus, blob) = golden::load(&folder);
        let (consensus, blob): (Arc<dyn Consensus>, Arc<dyn Blob>) = (consensus, blob);
        for summary in list_shards(&blob, &consensus).unwrap() {
            assert!(summary.state.is_ok(), "{name}: {summary:?}");
            let report = check(&blob, &consensus, summary.shard).unwrap();
            assert_eq!(report.broken, Vec::<String>::new(), "{name}\n{report:#?}");
            shards += 1;
        }
    }
    assert_eq!(shards, 48);
}
