//! How rows are filed under keys, and what an import of an index brings.

use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::trace::TraceReader;
use timely::dataflow::operators::vec::Filter;

use super::{Mutant, Mutants};
use protocol::v26_30::{Key, MirScalarExpr};
use repr::{Datum, ReprColumnType, ReprScalarType, Row};

#[derive(Debug, Clone, Copy)]
pub struct ArrangementSeams(pub(super) Mutants);

impl ArrangementSeams {
    /// What an arrangement on this worker files rows under: the key of the plan.
    pub fn key(self, key: &Key, worker: usize) -> Key {
        if self.0.is(Mutant::KeyIgnoredOnOneWorker) && worker == 1 {
            return key.iter().map(|_| null()).collect();
        }
        key.clone()
    }

    /// Whether an arrangement holds a row with this key: NULL is a key like any
    /// other.
    pub fn holds(self, key: &[Datum<'_>]) -> bool {
        !(self.0.is(Mutant::NullKeyDropped) && key.iter().any(Datum::is_null))
    }

    /// The errors that an importer of an index sees: all of them.
    pub fn imported_errors<'s, Tr>(self, mut errs: Arranged<'s, Tr>) -> Arranged<'s, Tr>
    where
        Tr: TraceReader + 'static,
    {
        if self.0.is(Mutant::ImportLosesErrors) {
            errs.stream = errs.stream.filter(|_| false);
        }
        errs
    }
}

fn null() -> MirScalarExpr {
    let typ = ReprColumnType {
        scalar_type: ReprScalarType::Bool,
        nullable: true,
    };
    MirScalarExpr::Literal(Ok(Row::pack([Datum::Null])), typ)
}
