//! Sources over shards whose parts have statistics. What is passed over is not
//! fetched: its blob may be gone.

use std::sync::Arc;

use super::*;
use crate::compute::PersistSettings;
use crate::eval::MfpPlan;
use crate::mutants::Seams;
use persist::blob::MemBlob;
use persist::consensus::MemConsensus;
use persist::{Blob, PartSizes, PersistClient, PersistConfig, PersistError, Update};
use protocol::v26_30::{
    BinaryFunc, ConfigUpdates, ConfigVal, MapFilterProject, MirScalarExpr, UnaryFunc,
    UnmaterializableFunc,
};
use repr::{
    Antichain, Datum, RelationDesc, ReprColumnType, ReprScalarType, Row, ShardId, SqlScalarType,
    Timestamp,
};

/// A shard of one column of integers.
struct Shard {
    client: Arc<PersistClient>,
    blob: Arc<MemBlob>,
    id: ShardId,
    desc: RelationDesc,
    settings: Arc<PersistSettings>,
}

impl Shard {
    /// Each write at its time, in parts of blob; from the third on nothing.
    fn of(writes: &[&[i64]]) -> Shard {
        let blob = Arc::new(MemBlob::default());
        let config = PersistConfig::for_stores("mem:");
        let consensus = Arc::new(MemConsensus::default());
        let client = PersistClient::new(blob.clone(), consensus, config);
        let id = ShardId(uuid::Uuid::from_u128(7));
        let desc = RelationDesc::from_columns([("n", SqlScalarType::Int64, false)]);
        let mut writer = client.open_writer(id, &desc, "test").unwrap();
        writer.set_part_sizes(PartSizes {
            inline_below: 0,
            target: 1000,
        });
        for (numbers, t) in writes.iter().zip(0..) {
            let updates: Vec<Update> = numbers
                .iter()
                .map(|n| (Ok(Row::pack([Datum::Int64(*n)])), t, 1))
                .collect();
            let (lower, upper) = (Antichain::from_elem(t), Antichain::from_elem(t + 1));
            let appended = writer.compare_and_append(&updates, lower, upper);
            appended.unwrap().unwrap();
        }
        Shard {
            client,
            blob,
            id,
            desc,
            settings: Arc::default(),
        }
    }

    fn set(&self, name: &str, value: ConfigVal) {
        self.settings.update(&ConfigUpdates {
            updates: [(name.to_string(), value)].into(),
        });
    }

    /// Loses every blob of a part.
    fn lose_parts(&self) {
        let prefix = format!("{}/n", self.id);
        for (key, _) in self.blob.list(&prefix).unwrap() {
            self.blob.delete(&key).unwrap();
        }
    }

    /// What a source with this filter gives from an as-of on; `None` for what ends
    /// the replica.
    fn read(
        &self,
        predicate: MirScalarExpr,
        as_of: Timestamp,
    ) -> Result<Option<Vec<Update>>, PersistError> {
        let mfp = MapFilterProject {
            expressions: Vec::new(),
            predicates: vec![(1, predicate)],
            projection: vec![0],
            input_arity: 1,
        };
        let filter = PartFilter {
            plan: MfpPlan::create(&mfp).unwrap(),
            until: None,
            settings: Arc::clone(&self.settings),
            seams: Seams::healthy().pushdown(),
        };
        let reader = self
            .client
            .open_leased_reader(self.id, &self.desc, "test")?;
        let seams = Seams::healthy().source();
        let mut source = SourceReader::new(reader, as_of, None, true, Some(filter), seams);
        let mut all = Vec::new();
        while let Some(event) = source.poll()? {
            match event {
                Event::Updates(mut updates) => all.append(&mut updates),
                Event::Violation(_) => return Ok(None),
                Event::Frontier(_) => {}
            }
        }
        Ok(Some(all))
    }
}

fn int(n: i64) -> MirScalarExpr {
    let typ = ReprColumnType {
        scalar_type: ReprScalarType::Int64,
        nullable: false,
    };
    MirScalarExpr::Literal(Ok(Row::pack([Datum::Int64(n)])), typ)
}

fn call(func: BinaryFunc, a: MirScalarExpr, b: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallBinary {
        func,
        expr1: Box::new(a),
        expr2: Box::new(b),
    }
}

fn number() -> MirScalarExpr {
    MirScalarExpr::Column(0, Default::default())
}

fn above(n: i64) -> MirScalarExpr {
    call(BinaryFunc::Gt, number(), int(n))
}

#[test]
fn a_part_none_of_whose_rows_is_wanted_is_not_fetched() {
    let shard = Shard::of(&[&[1, 5, 3], &[2, 4]]);
    shard.set("persist_stats_audit_percent", ConfigVal::Usize(0));
    shard.lose_parts();
    for as_of in [0, 1] {
        assert_eq!(shard.read(above(5), as_of).unwrap(), Some(Vec::new()));
        assert!(matches!(
            shard.read(above(4), as_of),
            Err(PersistError::MissingBlob { .. })
        ));
    }
    // The second batch alone holds nothing above 4.
    shard.set("persist_stats_filter_enabled", ConfigVal::Bool(false));
    assert!(shard.read(above(5), 0).is_err());
}

#[test]
fn an_audited_part_is_fetched_and_changes_nothing() {
    let shard = Shard::of(&[&[1, 5, 3], &[2, 4]]);
    shard.set("persist_stats_audit_percent", ConfigVal::Usize(100));
    // What the filter drops comes all the same: it is dropped behind the source.
    let read = shard.read(above(5), 0).unwrap().unwrap();
    assert_eq!(read.len(), 5);
    shard.lose_parts();
    assert!(shard.read(above(5), 0).is_err());
}

#[test]
fn a_part_whose_rows_may_fail_is_fetched() {
    let shard = Shard::of(&[&[-1, 0, 1]]);
    shard.lose_parts();
    let fails_at_zero = call(BinaryFunc::DivInt64, int(1), number());
    let predicate = call(BinaryFunc::Gt, fails_at_zero, int(9));
    assert!(shard.read(predicate, 0).is_err());
}

#[test]
fn what_a_temporal_filter_lets_go_depends_on_when_it_is_read() {
    let shard = Shard::of(&[&[1, 2], &[], &[]]);
    shard.set("persist_stats_audit_percent", ConfigVal::Usize(0));
    shard.lose_parts();
    let until = || {
        let now = MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow);
        let time = MirScalarExpr::CallUnary {
            func: UnaryFunc::CastInt64ToMzTimestamp,
            expr: Box::new(number()),
        };
        call(BinaryFunc::Lt, now, time)
    };
    assert!(shard.read(until(), 1).is_err());
    assert_eq!(shard.read(until(), 2).unwrap(), Some(Vec::new()));
}
