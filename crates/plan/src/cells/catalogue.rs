//! Every cell that lowering can make. Source: `spec/lowering.md` §2.
//!
//! Invariant: a cell that lowering makes and that is missing here fails
//! `tests/plan_cells.rs`.

use std::collections::BTreeMap;

use super::cell::{PlanCell, cell};

/// What it takes to reach a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// A plan as scripts write it.
    Plan,
    /// A dataflow for one time (`until` just past the as-of).
    OneTime,
    /// A feature of lowering that scripts cannot turn on.
    Feature,
}

/// Cells that differ only in their variants and in how they read: the operator,
/// the variants, the reads, what is arranged.
type Family = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const NOTHING: &[&str] = &["-"];
const RAW: &[&str] = &["raw"];
const RAW_OR_ARRANGED: &[&str] = &["raw", "arrangement"];
const ANY_READ: &[&str] = &["raw", "arrangement", "lookup"];
const PLAIN: &[&str] = &["plain"];
const PLAIN_OR_TEMPORAL: &[&str] = &["plain", "temporal"];

const PASSES: &[&str] = &[
    "raw",
    "arrangement",
    "several arrangements",
    "raw and arrangements",
];

const JOINS: &[&str] = &[
    "linear, no stage",
    "linear, one stage",
    "linear, stages",
    "linear, cross",
    "delta, two paths",
    "delta, paths",
    "delta, cross",
];

const REDUCES: &[&str] = &[
    "distinct",
    "accumulable",
    "accumulable, distinct",
    "accumulable, both",
    "monotonic",
    "bucketed",
    "bucketed, no bucket",
    "basic single",
    "basic, fused",
    "basic multiple",
];

const TOP_KS: &[&str] = &[
    "top 1",
    "monotonic",
    "monotonic, unlimited",
    "basic",
    "basic, offset",
    "basic, unlimited",
    "basic, offset, unlimited",
];

const TOP_KS_OF_ONE_TIME: &[&str] = &[
    "top 1, consolidating",
    "monotonic, consolidating",
    "monotonic, unlimited, consolidating",
];

/// What plans reach as scripts write them.
const OF_PLANS: &[Family] = &[
    ("Constant", &["rows", "empty", "error"], NOTHING, "-"),
    ("Get", &["pass"], PASSES, "-"),
    ("Get", &["mfp", "temporal"], ANY_READ, "-"),
    ("Mfp", PLAIN_OR_TEMPORAL, ANY_READ, "-"),
    ("FlatMap", PLAIN_OR_TEMPORAL, ANY_READ, "-"),
    (
        "Join",
        JOINS,
        &["own arrangements", "shared arrangements"],
        "-",
    ),
    ("Reduce", REDUCES, RAW_OR_ARRANGED, "one"),
    ("Reduce", REDUCES, RAW, "one, bucketed"),
    ("TopK", TOP_KS, RAW, "one"),
    ("TopK", TOP_KS, RAW, "one, bucketed"),
    ("Negate", PLAIN, RAW, "-"),
    (
        "Threshold",
        PLAIN,
        &["own arrangement", "shared arrangement"],
        "one",
    ),
    ("Union", &["plain", "consolidating"], RAW, "-"),
    ("Union", &["consolidating"], RAW, "bucketed"),
    ("ArrangeBy", PLAIN, &["arrangement"], "none"),
    ("ArrangeBy", PLAIN, RAW_OR_ARRANGED, "one"),
    ("ArrangeBy", PLAIN, RAW_OR_ARRANGED, "several"),
    ("ArrangeBy", PLAIN, RAW, "one, bucketed"),
    ("ArrangeBy", PLAIN, RAW, "several, bucketed"),
    ("Let", &["binding"], NOTHING, "-"),
    (
        "LetRec",
        &["unlimited", "limit returns", "limit fails"],
        NOTHING,
        "-",
    ),
    ("Source", &["whole", "mfp", "temporal filter"], NOTHING, "-"),
    ("Index", &["import", "alias", "arranged here"], NOTHING, "-"),
    ("Subscribe", &["sink"], RAW_OR_ARRANGED, "-"),
    ("MaterializedView", &["sink"], RAW_OR_ARRANGED, "-"),
];

/// What only a dataflow for one time reaches.
const OF_ONE_TIME: &[Family] = &[
    ("TopK", TOP_KS_OF_ONE_TIME, RAW, "one"),
    ("TopK", TOP_KS_OF_ONE_TIME, RAW, "one, bucketed"),
    (
        "Reduce",
        &["monotonic, consolidating"],
        RAW_OR_ARRANGED,
        "one",
    ),
    (
        "Reduce",
        &["monotonic, consolidating"],
        RAW,
        "one, bucketed",
    ),
];

/// What takes a feature of lowering.
const OF_FEATURES: &[Family] = &[
    ("Reduce", &["mfp inside"], RAW_OR_ARRANGED, "one"),
    ("Reduce", &["mfp inside"], RAW, "one, bucketed"),
];

/// Every cell that lowering can make, in order, with what it takes.
pub fn catalogue() -> BTreeMap<PlanCell, Needs> {
    let mut all = BTreeMap::new();
    for (families, needs) in [
        (OF_PLANS, Needs::Plan),
        (OF_ONE_TIME, Needs::OneTime),
        (OF_FEATURES, Needs::Feature),
    ] {
        for (operator, variants, reads, arranges) in families {
            for variant in *variants {
                for read in *reads {
                    all.insert(cell(operator, variant, read, arranges), needs);
                }
            }
        }
    }
    all
}
