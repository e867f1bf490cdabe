//! How 26.39 numbers the variants of enums. Source: `spec/v26_39.md` §3.1, §3.2,
//! §3.8, §3.9.
//!
//! Invariant: plans are numbered like everything else, but for their scalars.

use crate::renumber::{Numbering, Renumbered};

/// Outside of plans: peeks, keys of indexes, operators of sources.
pub(super) static NUMBERS: Numbering = Numbering {
    enums: &[EVERYWHERE],
    inside: &[("RenderPlan", &PLAN)],
};

/// Inside of plans.
pub(super) static PLAN: Numbering = Numbering {
    enums: &[EVERYWHERE, LIR],
    inside: &[],
};

/// §3.8, §3.9.
const EVERYWHERE: &[Renumbered] = &[
    Renumbered {
        name: "EvalError",
        added: &[(79, "TempStorageBudgetExceeded")],
        removed: &[],
    },
    Renumbered {
        name: "InvalidRangeError",
        added: &[(6, "InvalidRangeData")],
        removed: &[],
    },
    Renumbered {
        name: "TableFunc",
        added: &[(11, "GenerateSeriesUnoptimized")],
        removed: &[],
    },
    Renumbered {
        name: "UnmaterializableFunc",
        added: &[],
        removed: &[(7, "MzEnvironmentId")],
    },
    Renumbered {
        name: "UnaryFunc",
        added: &[
            (255, "ParseCatalogAuditLogDetails"),
            (259, "ParseConnectionDetails"),
            (260, "ParseKafkaSourceDetails"),
            (261, "ParsePostgresSourceDetails"),
            (262, "ParseSourceExportDetails"),
        ],
        removed: &[],
    },
    Renumbered {
        name: "ComputeSinkConnection",
        added: &[(3, "MetricSink")],
        removed: &[],
    },
];

/// §3.2: what 26.39 calls `LirScalarExpr`.
const LIR: &[Renumbered] = &[Renumbered {
    name: "MirScalarExpr",
    added: &[],
    removed: &[(2, "CallUnmaterializable")],
}];
