//! The settings of a replica that say how shards are read and written. Source:
//! `spec/replica.md` §8.2, `spec/persist.md` §8.
//!
//! Invariant: a change counts at once, for what runs already, too; none of them
//! changes what a shard contains or what is answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use persist::PartSizes;
use protocol::v26_30::{ConfigUpdates, ConfigVal};

/// The settings of one instance on one worker.
#[derive(Debug)]
pub struct PersistSettings {
    /// `persist_stats_filter_enabled`
    filter: AtomicBool,
    /// `persist_stats_audit_percent`
    audit_percent: AtomicUsize,
    /// `persist_stats_audit_panic`
    audit_panic: AtomicBool,
    /// `persist_inline_writes_single_max_bytes`
    inline_below: AtomicUsize,
    /// `persist_blob_target_size`
    target: AtomicUsize,
}

impl Default for PersistSettings {
    fn default() -> Self {
        let sizes = PartSizes::default();
        PersistSettings {
            filter: AtomicBool::new(true),
            audit_percent: AtomicUsize::new(1),
            audit_panic: AtomicBool::new(true),
            inline_below: AtomicUsize::new(sizes.inline_below),
            target: AtomicUsize::new(sizes.target),
        }
    }
}

impl PersistSettings {
    /// Takes over what updates say. Their types were checked.
    pub fn update(&self, updates: &ConfigUpdates) {
        let flag = |name: &str, slot: &AtomicBool| {
            if let Some(ConfigVal::Bool(value)) = updates.updates.get(name) {
                slot.store(*value, Ordering::Relaxed);
            }
        };
        let number = |name: &str, slot: &AtomicUsize| {
            if let Some(ConfigVal::Usize(value)) = updates.updates.get(name) {
                slot.store(*value, Ordering::Relaxed);
            }
        };
        flag("persist_stats_filter_enabled", &self.filter);
        number("persist_stats_audit_percent", &self.audit_percent);
        flag("persist_stats_audit_panic", &self.audit_panic);
        number("persist_inline_writes_single_max_bytes", &self.inline_below);
        number("persist_blob_target_size", &self.target);
    }

    /// Whether sources pass over parts by their statistics.
    pub fn filters(&self) -> bool {
        self.filter.load(Ordering::Relaxed)
    }

    /// How many of a hundred parts that are passed over are read all the same.
    pub fn audit_percent(&self) -> u64 {
        self.audit_percent.load(Ordering::Relaxed) as u64
    }

    /// Whether the replica ends when such a part holds something that is wanted.
    pub fn audit_ends(&self) -> bool {
        self.audit_panic.load(Ordering::Relaxed)
    }

    /// How large the parts are that materialized views write.
    pub fn part_sizes(&self) -> PartSizes {
        PartSizes {
            inline_below: self.inline_below.load(Ordering::Relaxed),
            target: self.target.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_not_named_stays_as_it_is() {
        let settings = PersistSettings::default();
        let update = |name: &str, value| {
            settings.update(&ConfigUpdates {
                updates: [(name.to_string(), value)].into(),
            });
        };
        update("persist_stats_audit_percent", ConfigVal::Usize(100));
        update("persist_stats_filter_enabled", ConfigVal::Bool(false));
        assert_eq!((settings.audit_percent(), settings.filters()), (100, false));
        assert!(settings.audit_ends());
        assert_eq!(settings.part_sizes(), PartSizes::default());
        update(
            "persist_inline_writes_single_max_bytes",
            ConfigVal::Usize(0),
        );
        assert_eq!(settings.part_sizes().inline_below, 0);
    }
}
