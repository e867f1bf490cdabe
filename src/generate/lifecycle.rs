//! Compaction, drops, sinces, configuration. Source: `spec/replica.md` §3.5,
//! §3.6, §8.2.
//!
//! Invariant: nothing is dropped from under a reader; a since of a shard passes
//! no as_of whose snapshot may still be wanted.

use super::flows::{FlowExport, FlowSource, Form};
use super::tally::Worth;
use super::world::{NEVER, World};
use crate::model::{Expected, size};
use crate::repr::{GlobalId, Timestamp};
use crate::script::config::{PEEK_STASH, PEEK_STASH_THRESHOLD, STASH_THRESHOLD_BYTES};
use crate::script::{Command, MAX_RESULT_SIZE, Setting};

/// Switches that change how a replica works and never what it answers
/// (`spec/replica.md` §8.2): name, type, values.
const HARMLESS: &[(&str, &str, &[&str])] = &[
    ("enable_mz_join_core", "bool", &["true", "false"]),
    (
        "linear_join_yielding",
        "string",
        &["work:1", "work:1000000,time:100"],
    ),
    ("enable_compute_half_join2", "bool", &["true", "false"]),
    ("enable_column_paged_batcher", "bool", &["false", "true"]),
    (
        "enable_compute_temporal_bucketing",
        "bool",
        &["false", "true"],
    ),
    ("compute_flat_map_fuel", "usize", &["1000000", "1"]),
    (
        "enable_compute_render_fueled_as_specific_collection",
        "bool",
        &["true", "false"],
    ),
    ("compute_apply_column_demands", "bool", &["true", "false"]),
    ("enable_compute_sync_mv_sink", "bool", &["true", "false"]),
    (
        "compute_server_maintenance_interval",
        "duration",
        &["10ms", "1ms", "50ms"],
    ),
    ("persist_stats_filter_enabled", "bool", &["true", "false"]),
    ("persist_stats_audit_percent", "usize", &["1", "100"]),
    (
        "persist_inline_writes_single_max_bytes",
        "usize",
        &["4096", "0"],
    ),
    (
        "persist_part_decode_format",
        "string",
        &["arrow", "row_with_validate"],
    ),
    (
        "persist_validate_part_bounds_on_read",
        "bool",
        &["false", "true"],
    ),
];

impl World<'_> {
    /// A limit of results, or one or two harmless switches.
    pub fn configure(&mut self) -> bool {
        if self.choices.chance("limit results", 1, 4) {
            return self.limit_results();
        }
        if self.choices.chance("stash results", 1, 3) {
            return self.stash_results();
        }
        let settings = self.settings();
        self.emit(Command::UpdateConfiguration { settings }, Worth::Shows)
    }

    /// A setting or two of those that change no answer.
    pub fn settings(&mut self) -> Vec<Setting> {
        let count = self.choices.between("settings", 1, 2);
        let mut settings: Vec<Setting> = Vec::new();
        for _ in 0..count {
            let Some((name, ty, values)) = self.choices.pick("setting", HARMLESS) else {
                continue;
            };
            let Some(value) = self.choices.pick("setting's value", values) else {
                continue;
            };
            if settings.iter().all(|setting| setting.name != *name) {
                settings.push(Setting {
                    name: name.to_string(),
                    ty: ty.to_string(),
                    value: value.to_string(),
                });
            }
        }
        settings
    }

    /// Limits the size of results: below what some collection takes, about there, or
    /// well above it; or not at all any more.
    pub fn limit_results(&mut self) -> bool {
        let peekable = self.live_peekable();
        let id = self.choices.pick("measured collection", &peekable).copied();
        let time = id.and_then(|id| Some((id, self.readable(id)?.1)));
        let size = match time.map(|(id, ts)| self.model().contents(id, ts)) {
            Some(Expected::Rows(rows) | Expected::Either(rows, _)) => size::generous(&rows),
            Some(Expected::Errors(_) | Expected::Undefined(_)) | None => 100,
        };
        let bytes = match self.choices.weighted("limit of results", &[2, 2, 4, 1]) {
            Some(0) => size / 8,
            Some(1) => size,
            Some(2) => 5 * size + 100,
            _ => u64::MAX,
        };
        self.set(MAX_RESULT_SIZE, "u64", &bytes.to_string(), Worth::Shows)
    }

    /// Has answers stashed: all, those above about what some rows take, or the large
    /// ones; or none any more.
    pub fn stash_results(&mut self) -> bool {
        let threshold = match self
            .choices
            .weighted("threshold of the stash", &[3, 3, 1, 1])
        {
            Some(0) => Some(0),
            Some(1) => Some(self.choices.between("bytes that are sent", 32, 256)),
            Some(2) => Some(STASH_THRESHOLD_BYTES as u64),
            _ => None,
        };
        let setting = |name: &str, ty: &str, value: String| Setting {
            name: name.to_string(),
            ty: ty.to_string(),
            value,
        };
        let enabled = setting(PEEK_STASH, "bool", threshold.is_some().to_string());
        let mut settings = vec![enabled];
        if let Some(bytes) = threshold {
            settings.push(setting(PEEK_STASH_THRESHOLD, "usize", bytes.to_string()));
        }
        self.emit(Command::UpdateConfiguration { settings }, Worth::Shows)
    }

    /// Compacts an index; often looks at it before and after.
    pub fn compact(&mut self) -> bool {
        let indexes = self.live_indexes();
        if indexes.is_empty() {
            return false;
        }
        let id = indexes[self.choices.index("compacted index", indexes.len())];
        let since = self.since(id);
        let upper = self
            .model()
            .may_reach(id)
            .and_then(|frontier| frontier.as_option())
            .unwrap_or(since + 2);
        let last = upper.saturating_sub(1);
        let frontier = match self.choices.weighted("compaction", &[5, 3, 1]) {
            Some(1) => last.max(since),
            // Beyond what is sealed: nothing can be read until it is.
            Some(2) => last.max(since) + 1,
            _ if last > since && !self.choices.chance("compacted to where it is", 1, 12) => {
                self.choices.between("compaction frontier", since + 1, last)
            }
            _ => self
                .choices
                .between("compaction frontier", since, last.max(since)),
        };
        let look = self.choices.chance("look before and after", 1, 2);
        if look {
            self.peek_at(id, frontier);
        }
        let written = self.allow_compaction(id, Some(frontier), frontier > since);
        if written && look {
            self.peek_at(id, frontier);
        }
        written
    }

    fn allow_compaction(
        &mut self,
        id: GlobalId,
        frontier: Option<Timestamp>,
        advances: bool,
    ) -> bool {
        let worth = Worth::if_so(advances, "the since stays where it is");
        self.emit(Command::AllowCompaction { id, frontier }, worth)
    }

    /// Drops what is not read, and often waits for its end; sometimes then what
    /// only it read.
    pub fn drop_some(&mut self) -> bool {
        let dropped = self.drop_export();
        if dropped && self.choices.chance("drop another one", 1, 3) {
            self.drop_export();
        }
        dropped
    }

    fn drop_export(&mut self) -> bool {
        let free: Vec<GlobalId> = self
            .live_exports()
            .into_iter()
            .filter(|id| self.model().check_drop(*id).is_ok())
            .collect();
        if free.is_empty() {
            return false;
        }
        // The shard of a view lives on without it, and what reads it goes on.
        let read: Vec<GlobalId> = free
            .iter()
            .copied()
            .filter(|id| self.is_read_view(*id))
            .collect();
        let of = match !read.is_empty() && self.choices.chance("drop a view that is read", 1, 2) {
            true => read,
            false => free,
        };
        let id = of[self.choices.index("dropped collection", of.len())];
        self.drop_id(id)
    }

    /// Whether this is a view, and a dataflow reads its shard.
    fn is_read_view(&self, id: GlobalId) -> bool {
        let shard = match self.export_of(id).map(|export| &export.form) {
            Some(Form::View { shard, .. }) => *shard,
            Some(Form::Index { .. } | Form::Subscribe { .. }) | None => return false,
        };
        let source = FlowSource::Shard(shard);
        self.flows.iter().any(|flow| flow.imports.contains(&source))
    }

    /// Drops an export that may be dropped.
    pub fn drop_id(&mut self, id: GlobalId) -> bool {
        if !self.allow_compaction(id, None, true) {
            return false;
        }
        // An export that is gone is not created again; a flow without any is
        // forgotten.
        let mut flows = std::mem::take(&mut self.flows);
        let remains = |export: &FlowExport| !self.model().is_dropped(export.id);
        flows.retain(|flow| flow.exports.iter().any(remains));
        self.flows = flows;
        let subscribed = self
            .model()
            .collection(id)
            .is_some_and(|c| c.is_subscribe());
        if !subscribed && !self.choices.chance("leave the drop alone", 1, 4) {
            self.await_frontier(id, NEVER);
        }
        true
    }

    /// Drops all that can be dropped, and moves the since of what is read no more: no
    /// reader may hold it then.
    pub fn wind_down(&mut self) {
        while self.drop_export() {}
        for shard in self.own_shards() {
            let alias = self.shards[shard].alias.clone();
            let known = self.model().shard(&alias);
            let known = known.map(|known| (known.since(), known.upper().saturating_sub(1)));
            let Some((since, last)) = known.filter(|(since, last)| since < last) else {
                continue;
            };
            // A snapshot that may still have to be read keeps its time.
            for since in [last, since + 1] {
                let shard = alias.clone();
                if self.emit(Command::DowngradeSince { shard, since }, Worth::Shows) {
                    break;
                }
            }
        }
    }

    /// Moves the since that the driver holds on a shard.
    pub fn downgrade_since(&mut self) -> bool {
        if !self.profile.downgrade || self.shards.is_empty() {
            return false;
        }
        let index = self.choices.index("downgraded shard", self.shards.len());
        let shard = &self.shards[index];
        let alias = shard.alias.clone();
        let known = self.model().shard_since(&alias);
        let sealed = self.model().shard_must_seal(&alias);
        // What is sealed to the end keeps a time to read at.
        let last = sealed
            .as_option()
            .map_or(known + 2, |upper| upper.saturating_sub(1));
        if known >= last {
            return false;
        }
        let since = self.choices.between("since", known + 1, last);
        let view = self.live_view_of(index);
        let command = Command::DowngradeSince {
            shard: alias,
            since,
        };
        let moved = self.emit(command, Worth::Shows);
        if let Some(view) = view.filter(|_| moved && self.choices.chance("look below it", 1, 2)) {
            self.peek_view_below_since(view);
        }
        moved
    }
}
