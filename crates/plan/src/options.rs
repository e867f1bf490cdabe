//! How to plan and lower.
//!
//! Invariant: no option changes what a plan means, but for the named
//! [`Quirks`] of upstream.

use protocol::Release;

/// How to lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerOptions {
    /// Fuse MFPs into the reduces below them (a feature of environmentd, off in
    /// upstream's driver).
    pub reduce_mfp_fusion: bool,
    pub quirks: Quirks,
    /// Plan before lowering: joins, reduces of mixed classes, bindings below
    /// other operators, monotonic flags (the `optimize` of scripts).
    pub optimize: bool,
    /// Plan joins without an implementation in this way (the `join=` of scripts); all
    /// but the monotonic flags is then planned too.
    pub join: Option<JoinKind>,
    /// The release for which is lowered.
    pub release: Release,
}

impl LowerOptions {
    /// Whether plans are changed before they are lowered.
    pub(crate) fn is_planning(&self) -> bool {
        self.optimize || self.join.is_some()
    }
}

impl Default for LowerOptions {
    fn default() -> Self {
        LowerOptions {
            reduce_mfp_fusion: false,
            quirks: Quirks::UPSTREAM,
            optimize: false,
            join: None,
            release: Release::default(),
        }
    }
}

/// The two ways to compute a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Linear,
    Delta,
}

/// Where upstream's lowering is wrong, and we are too unless told otherwise.
/// Plans that meet none of them lower alike either way. Source:
/// `spec/lowering.md` §7.26.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// A filter to a literal directly over an `ArrangeBy` whose key is not
    /// `#0, #1, …` seeks the wrong key and loses rows (§2.13 step 2).
    pub literal_lookup_over_arrange_by: bool,
    /// A permuting projection directly over an `ArrangeBy` is dropped; readers
    /// of the raw stream see the old column order (§2.13 step 4).
    pub permuting_project_over_arrange_by: bool,
    /// A class that unites two earlier classes of a join loses members (§2.7).
    pub overlapping_equivalences: bool,
    /// A recursive value that is a `Let` over something arranged cannot become
    /// a plan of the wire (§2.4).
    pub arranged_let_in_recursion: bool,
}

impl Quirks {
    /// As upstream does it.
    pub const UPSTREAM: Quirks = Quirks {
        literal_lookup_over_arrange_by: true,
        permuting_project_over_arrange_by: true,
        overlapping_equivalences: true,
        arranged_let_in_recursion: true,
    };
    /// As it should be.
    pub const NONE: Quirks = Quirks {
        literal_lookup_over_arrange_by: false,
        permuting_project_over_arrange_by: false,
        overlapping_equivalences: false,
        arranged_let_in_recursion: false,
    };
}
