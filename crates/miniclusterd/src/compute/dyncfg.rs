//! Named settings: which ones are known, of which type. Source:
//! `spec/replica.md` §8.2.
//!
//! Invariants: unknown names are ignored; a value of another type ends the
//! replica. What this replica has no use for is checked all the same.

use std::time::Duration;

use crate::halt::End;
use protocol::Release;
use protocol::v26_30::{ConfigUpdates, ConfigVal};

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Bool,
    U32,
    Usize,
    OptUsize,
    F64,
    String,
    OptString,
    Duration,
    Json,
}

/// How often a worker reports frontiers.
pub const MAINTENANCE_INTERVAL: &str = "compute_server_maintenance_interval";

#[rustfmt::skip]
const KNOWN: &[(&str, Type)] = &[
    ("enable_mz_join_core", Type::Bool),
    ("linear_join_yielding", Type::String),
    ("enable_compute_half_join2", Type::Bool),
    ("enable_column_paged_batcher", Type::Bool),
    ("enable_column_paged_batcher_spill", Type::Bool),
    ("column_paged_batcher_budget_fraction", Type::F64),
    ("column_paged_batcher_lz4", Type::Bool),
    ("column_paged_batcher_swap_pageout", Type::Bool),
    ("enable_compute_temporal_bucketing", Type::Bool),
    ("compute_temporal_bucketing_summary", Type::Duration),
    ("compute_flat_map_fuel", Type::Usize),
    ("enable_compute_render_fueled_as_specific_collection", Type::Bool),
    ("compute_apply_column_demands", Type::Bool),
    ("compute_subscribe_snapshot_optimization", Type::Bool),
    ("enable_compute_sync_mv_sink", Type::Bool),
    ("enable_compute_correction_v2", Type::Bool),
    ("compute_correction_v2_chain_proportionality", Type::F64),
    ("compute_correction_v2_chunk_size", Type::Usize),
    ("consolidating_vec_growth_dampener", Type::Usize),
    ("compute_mv_sink_advance_persist_frontiers", Type::Bool),
    ("enable_compute_logical_backpressure", Type::Bool),
    ("compute_logical_backpressure_max_retained_capabilities", Type::OptUsize),
    ("compute_logical_backpressure_inflight_slack", Type::Duration),
    ("compute_dataflow_max_inflight_bytes", Type::OptUsize),
    ("compute_dataflow_max_inflight_bytes_cc", Type::OptUsize),
    (MAINTENANCE_INTERVAL, Type::Duration),
    ("enable_compute_peek_response_stash", Type::Bool),
    ("compute_peek_response_stash_threshold_bytes", Type::Usize),
    ("compute_peek_response_stash_batch_max_runs", Type::Usize),
    ("compute_peek_stash_num_batches", Type::Usize),
    ("compute_peek_stash_batch_size", Type::Usize),
    ("ore_overflowing_behavior", Type::String),
    ("persist_stats_filter_enabled", Type::Bool),
    ("persist_stats_audit_percent", Type::Usize),
    ("persist_stats_audit_panic", Type::Bool),
    ("persist_stats_collection_enabled", Type::Bool),
    ("persist_part_decode_format", Type::String),
    ("persist_optimize_ignored_data_fetch", Type::Bool),
    ("persist_inline_writes_single_max_bytes", Type::Usize),
    ("persist_inline_writes_total_max_bytes", Type::Usize),
    ("persist_blob_target_size", Type::Usize),
    ("persist_batch_max_runs", Type::Usize),
    ("persist_batch_max_run_len", Type::Usize),
    ("persist_enable_incremental_compaction", Type::Bool),
    ("persist_compaction_heuristic_min_inputs", Type::Usize),
    ("persist_compaction_heuristic_min_parts", Type::Usize),
    ("persist_compaction_heuristic_min_updates", Type::Usize),
    ("persist_compaction_memory_bound_bytes", Type::Usize),
    ("persist_rollup_threshold", Type::Usize),
    ("persist_gc_use_active_gc", Type::Bool),
    ("persist_rollup_use_active_rollup", Type::Bool),
    ("persist_next_listen_batch_retryer_fixed_sleep", Type::Duration),
    ("persist_next_listen_batch_retryer_initial_backoff", Type::Duration),
    ("persist_next_listen_batch_retryer_multiplier", Type::U32),
    ("persist_next_listen_batch_retryer_clamp", Type::Duration),
    ("persist_pubsub_client_enabled", Type::Bool),
    ("persist_pubsub_push_diff_enabled", Type::Bool),
    ("persist_validate_part_bounds_on_read", Type::Bool),
    ("persist_validate_part_bounds_on_write", Type::Bool),
    ("persist_reader_lease_duration", Type::Duration),
    ("persist_use_critical_since_source", Type::Bool),
    ("persist_use_critical_since_snapshot", Type::Bool),
];

/// What 26.39 knows in addition (`spec/v26_39.md` §7).
const SINCE_26_39: &[(&str, Type)] = &[
    ("enable_compute_error_distinct", Type::Bool),
    ("column_paged_batcher_spill_worker_count", Type::Usize),
    ("column_paged_batcher_eager_backing", Type::Bool),
    ("column_paged_batcher_pool_rss_target_fraction", Type::F64),
    ("persist_pg_consensus_read_committed", Type::Bool),
    ("persist_source_fetch_concurrency", Type::Usize),
    (
        "persist_source_hydration_frontier_coalesce_bytes",
        Type::Usize,
    ),
];

fn type_of(value: &ConfigVal) -> Type {
    match value {
        ConfigVal::Bool(_) => Type::Bool,
        ConfigVal::U32(_) => Type::U32,
        ConfigVal::Usize(_) => Type::Usize,
        ConfigVal::OptUsize(_) => Type::OptUsize,
        ConfigVal::F64(_) => Type::F64,
        ConfigVal::String(_) => Type::String,
        ConfigVal::OptString(_) => Type::OptString,
        ConfigVal::Duration(_) => Type::Duration,
        ConfigVal::Json(_) => Type::Json,
    }
}

/// Checks the types of settings.
///
/// Errors: the end of the replica for a value of another type.
pub fn check(updates: &ConfigUpdates, release: Release) -> Result<(), End> {
    let newer = match release {
        Release::V26_30 => &[],
        Release::V26_39 => SINCE_26_39,
    };
    for (name, value) in &updates.updates {
        match KNOWN.iter().chain(newer).find(|(known, _)| known == name) {
            None => tracing::error!(name, "ignoring an unknown setting"),
            Some((_, wanted)) => {
                let given = type_of(value);
                if given != *wanted {
                    return Err(End::abort(format!(
                        "attempted to store {given:?} value in {wanted:?} parameter {name}"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// The maintenance interval that an update sets.
pub fn maintenance_interval(updates: &ConfigUpdates) -> Option<Duration> {
    match updates.updates.get(MAINTENANCE_INTERVAL) {
        Some(ConfigVal::Duration(interval)) => Some(*interval),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_checked_and_unknown_names_are_not() {
        let update = |name: &str, value| {
            let updates = [(name.to_string(), value)].into();
            check(&ConfigUpdates { updates }, Release::V26_30)
        };
        assert_eq!(
            update(MAINTENANCE_INTERVAL, ConfigVal::Duration(Duration::ZERO)),
            Ok(())
        );
        assert_eq!(update("no_such", ConfigVal::Bool(true)), Ok(()));
        let end = update(MAINTENANCE_INTERVAL, ConfigVal::Bool(true)).unwrap_err();
        assert_eq!(end.code(), 134);
    }
}
