//! The statistics that real programs wrote with their parts. What this file alone
//! can catch: statistics of ours that say something else of the same rows, or
//! theirs read wrongly.

use clusterd_fuzz::persist::part::{Keys, decode_parquet};
use clusterd_fuzz::persist::rows::stats::{decode_stats, encode_key_lower, encode_stats};
use clusterd_fuzz::persist::rows::{KeyReader, decode_schemas};
use clusterd_fuzz::persist::wire::state::PartKind;
use clusterd_fuzz::persist::{Blob, PersistClient, PersistConfig};
use clusterd_fuzz::repr::ShardId;

use crate::golden;

#[test]
fn statistics_and_least_keys_are_the_bytes_that_real_writers_wrote() {
    let (mut parts, mut updates) = (0, 0);
    for (name, folder) in golden::stores() {
        let (consensus, blob) = golden::load(&folder);
        let client = PersistClient::new(blob.clone(), consensus, PersistConfig::for_stores("mem:"));
        for (shard, _) in golden::logs(&folder) {
            let shard: ShardId = shard.parse().unwrap();
            let state = client.state(shard).unwrap();
            for part in state.trace.batches().flat_map(|batch| &batch.parts) {
                let Some(PartKind::Key(key)) = &part.kind else {
                    continue;
                };
                let bytes = blob.get(&format!("{shard}/{key}")).unwrap().unwrap();
                let (_, columns) = decode_parquet(&bytes).unwrap();
                let Keys::Structured(keys) = &columns.keys else {
                    panic!("{name}: {key} is not structured");
                };
                let desc = decode_schemas(&state.schemas[&part.schema_id.unwrap()]).unwrap();
                let theirs = part.key_stats.clone().unwrap();
                let ours = encode_stats(&desc, keys, 1024).unwrap();
                assert_eq!(ours, theirs, "{name}: the statistics of {key}");
                let ours = encode_key_lower(keys, 256).unwrap();
                assert_eq!(
                    ours, part.structured_key_lower,
                    "{name}: the least of {key}"
                );
                let stats = decode_stats(&desc, &desc, &theirs).unwrap();
                assert_eq!(stats.len, columns.len() as u64);
                let reader = KeyReader::new(&desc, &columns.keys).unwrap();
                for i in 0..columns.len() {
                    let key = reader.get(i).unwrap();
                    assert!(stats.allow(&key), "{name}: {key:?} and {stats:?}");
                    updates += 1;
                }
                parts += 1;
            }
        }
    }
    // Fewer would mean that the recordings were not read.
    assert!(
        parts >= 40 && updates >= 20_000,
        "{parts} parts, {updates} updates"
    );
}
