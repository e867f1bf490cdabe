//! What a peek asks for, typed: literals to look up, and how a client finishes
//! what the replica answered. Source: `spec/replica.md` §5.3, §5.4.
//!
//! Invariant: finishing is the client's: it orders, skips and cuts what all
//! workers answered; a replica only leaves out what cannot matter.

use std::cmp::Ordering;

use super::command::{OrderBy, Plan, Selection};
use super::data;
use super::error::CommandError;
use plan::{Globals, Mfp, PlanError, Relation, lower};
use protocol::v26_30::{ColumnOrder, MapFilterProject, Peek, RowSetFinishing, SafeMfpPlan};
use repr::{Datum, GlobalId, RelationDesc, Row, Timestamp};

/// What a peek computes of the rows that it looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// Map, Filter and Project over the peeked collection, with types.
    pub plan: Relation,
    /// The same as one MFP, over the columns of that collection as they are arranged.
    mfp: MapFilterProject,
    /// What it gives.
    pub desc: RelationDesc,
}

impl Computed {
    /// Types the plan of a peek of `id` at `ts`, whose rows have the columns of
    /// `desc`.
    ///
    /// Errors: a plan that does not fit, that has other operators, or that reads
    /// something else.
    fn of(
        plan: &Plan,
        id: GlobalId,
        ts: Timestamp,
        desc: &RelationDesc,
    ) -> Result<Computed, CommandError> {
        let globals = Globals::from([(id, desc.typ.to_repr())]);
        let (mut plan, typ) = match plan {
            Plan::Operators(relation) => {
                plan::typed(relation, &globals).map_err(PlanError::from)?
            }
            Plan::Text(text) => plan::parse(text, &globals)?,
        };
        // A peek is for one time.
        plan.replace_now(ts);
        let read = lower::mfp_over(&plan).filter(|(read, _)| *read == id);
        let (_, mfp) = read.ok_or(CommandError::PeekPlan(id))?;
        let names: Vec<String> = (0..typ.arity()).map(|at| format!("c{at}")).collect();
        let columns = names.iter().zip(&typ.column_types).map(|(name, column)| {
            let sql = plan::sql_type(&column.scalar_type);
            let sql = sql.ok_or_else(|| CommandError::PeekColumn(column.clone()))?;
            Ok((name.as_str(), sql, column.nullable))
        });
        let columns = columns.collect::<Result<Vec<_>, CommandError>>()?;
        let desc = RelationDesc::from_columns(columns);
        Ok(Computed {
            plan,
            mfp: mfp.into(),
            desc,
        })
    }
}

/// A selection over rows of known types.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finish {
    /// Sorted, each once; `None` looks at all rows.
    pub literals: Option<Vec<Row>>,
    pub order_by: Vec<ColumnOrder>,
    pub limit: Option<u64>,
    pub offset: u64,
    /// None answers the rows as they are.
    pub computed: Option<Box<Computed>>,
}

impl Finish {
    /// Types the selection of a peek of `id` at `ts`, over rows of `desc`, whose
    /// first columns are the key.
    ///
    /// Errors: a literal that is none of the key's, a plan that does not fit, a
    /// column that does not exist, a limit beyond what the wire can say.
    pub fn of(
        selection: &Selection,
        id: GlobalId,
        ts: Timestamp,
        desc: &RelationDesc,
    ) -> Result<Finish, CommandError> {
        let computed = selection.plan.as_deref();
        let computed = computed.map(|plan| Computed::of(plan, id, ts, desc));
        let computed = computed.transpose()?.map(Box::new);
        let arity = computed.as_ref().map_or(desc, |c| &c.desc).arity();
        if let Some(OrderBy { column, .. }) = selection.order_by.iter().find(|o| o.column >= arity)
        {
            let column = *column;
            return Err(CommandError::OrderColumn { column, arity });
        }
        if let Some(limit) = selection
            .limit
            .filter(|limit| i64::try_from(*limit).is_err())
        {
            return Err(CommandError::Limit(limit));
        }
        let mut literals = Vec::new();
        for cells in &selection.literals {
            literals.push(data::key(desc, cells)?);
        }
        literals.sort();
        literals.dedup();
        Ok(Finish {
            literals: (!literals.is_empty()).then_some(literals),
            order_by: (selection.order_by.iter())
                .map(|order| ColumnOrder {
                    column: order.column,
                    desc: order.desc,
                    nulls_last: order.nulls_last,
                })
                .collect(),
            limit: selection.limit,
            offset: selection.offset,
            computed,
        })
    }

    /// Whether it asks for everything.
    pub fn is_everything(&self) -> bool {
        *self == Finish::default()
    }

    /// How many rows the client wants to see, if not all.
    pub fn needed(&self) -> Option<u64> {
        Some(self.limit?.saturating_add(self.offset))
    }

    /// Asks for it in a peek of everything, of rows with so many columns.
    pub fn ask(&self, peek: &mut Peek, arity: usize) {
        let width = self
            .literals
            .iter()
            .flatten()
            .next()
            .map_or(0, |row| row.iter().count());
        peek.literal_constraints.clone_from(&self.literals);
        let mfp = match &self.computed {
            Some(computed) => computed.mfp.clone(),
            None => MapFilterProject::identity(arity),
        };
        // The literal's datums come once more behind the row.
        let mfp = Mfp::from(mfp).permute(|column| column, arity + width);
        peek.map_filter_project = SafeMfpPlan { mfp: mfp.into() };
        peek.finishing = RowSetFinishing {
            order_by: self.order_by.clone(),
            limit: self.limit.and_then(|limit| i64::try_from(limit).ok()),
            offset: usize::try_from(self.offset).unwrap_or(usize::MAX),
            project: (0..peek.result_desc.arity()).collect(),
        };
    }

    /// What the client sees of all the rows that were answered: each as often
    /// as it counts, in order.
    pub fn client(&self, mut rows: Vec<(Row, usize)>) -> Vec<(Row, usize)> {
        rows.sort_by(|(a, _), (b, _)| self.compare(a, b));
        let mut skip = self.offset;
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut seen = Vec::new();
        for (row, count) in rows {
            let count = count as u64;
            let skipped = skip.min(count);
            skip -= skipped;
            let taken = (count - skipped).min(left);
            left -= taken;
            if taken > 0 {
                seen.push((row, taken as usize));
            }
        }
        seen
    }

    /// The order of the answer; ties in Row order.
    pub fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let (left, right) = (a.unpack(), b.unpack());
        for order in &self.order_by {
            let (l, r) = (left.get(order.column), right.get(order.column));
            let null = |datum: Option<&Datum<'_>>| datum == Some(&Datum::Null);
            let by_null = match (null(l), null(r)) {
                (true, false) if order.nulls_last => Ordering::Greater,
                (true, false) => Ordering::Less,
                (false, true) if order.nulls_last => Ordering::Less,
                (false, true) => Ordering::Greater,
                (true, true) => Ordering::Equal,
                (false, false) if order.desc => r.cmp(&l),
                (false, false) => l.cmp(&r),
            };
            if by_null != Ordering::Equal {
                return by_null;
            }
        }
        a.cmp(b)
    }
}
