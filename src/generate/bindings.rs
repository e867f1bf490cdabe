//! Plans with names: a binding that is read at least once, and recursions that
//! settle. Source: `spec/script.md` §3.2, `spec/plan.md` §2.7.
//!
//! Invariant: a recursion without a limit has a fixed point that a handful of
//! iterations reach: its values come from a finite set.

use std::num::NonZeroU64;

use super::relations::{Drawn, Planner};
use crate::plan::scalar::{as_column, binary, column, int64};
use crate::plan::{JoinImplementation, RecBinding, Relation, RelationType};
use crate::protocol::v26_30::{BinaryFunc, Id, LetRecLimit, MirScalarExpr};
use crate::repr::{LocalId, ReprColumnType, ReprScalarType};

impl Planner<'_, '_> {
    fn next_name(&mut self) -> LocalId {
        let id = LocalId(self.next_local);
        self.next_local += 1;
        id
    }

    /// `With cte l = value Return body`, where the body may read the binding.
    pub(super) fn binding(&mut self, depth: usize) -> Drawn {
        let below = depth.saturating_sub(1);
        let value = self.relation(below);
        let id = self.next_name();
        self.locals.push((id, value.clone()));
        let body = self.relation(below.max(1));
        self.locals.pop();
        if !reads(&body.plan, id) {
            return body;
        }
        Drawn {
            plan: Relation::Let {
                id,
                value: Box::new(value.plan),
                body: Box::new(body.plan),
            },
            keys: Vec::new(),
            ..body
        }
    }

    /// A chain of bindings, each of which reads the one before twice and makes its
    /// rows distinct again: what is beside the rows doubles with every link. Often
    /// over a row that fails.
    pub(super) fn chain(&mut self) -> Drawn {
        /// So many doublings are beyond 64 bits, and no plan has more bindings.
        const DEEPEST: u64 = 63;
        let base = self.leaf();
        let base = self.project(base);
        let integers = super::scalars::columns_of(&base.typ.column_types, &ReprScalarType::Int64);
        let base = match self.choices.pick("divisor", &integers).copied() {
            Some(c) => {
                let quotient = binary(BinaryFunc::DivInt64, int64(1), column(c));
                self.over(base, |input, _| input.map(vec![quotient]))
            }
            None => self.map(base),
        };
        let links = match self.choices.chance("deepest chain", 1, 3) {
            true => DEEPEST,
            false => self.choices.between("links of a chain", 2, 12),
        };
        let typ = RelationType {
            keys: Vec::new(),
            ..base.typ.clone()
        };
        let all: Vec<MirScalarExpr> = (0..typ.arity()).map(column).collect();
        let mut values = vec![(self.next_name(), base.plan)];
        for _ in 0..links {
            let (before, _) = values[values.len() - 1];
            let before = Relation::get_local(before, typ.clone());
            let twice = Relation::Union {
                inputs: vec![before.clone(), before],
            };
            values.push((self.next_name(), distinct(twice, all.clone())));
        }
        let (last, _) = values[values.len() - 1];
        let mut plan = Relation::get_local(last, typ.clone());
        for (id, value) in values.into_iter().rev() {
            plan = Relation::Let {
                id,
                value: Box::new(value),
                body: Box::new(plan),
            };
        }
        Drawn {
            plan,
            typ,
            monotonic: false,
            size: base.size,
            keys: Vec::new(),
        }
    }

    /// A recursion that grows a set: the base, and what a step makes of it.
    pub(super) fn recursion(&mut self) -> Drawn {
        self.carefully(Self::careful_recursion)
    }

    fn careful_recursion(&mut self) -> Drawn {
        let base = self.relation(1);
        let base = self.project(base);
        let integers = super::scalars::columns_of(&base.typ.column_types, &ReprScalarType::Int64);
        let id = self.next_name();
        // Readers may rely on nothing but the types.
        let nullable = |column: &ReprColumnType| ReprColumnType {
            scalar_type: column.scalar_type.clone(),
            nullable: true,
        };
        let typ = RelationType {
            column_types: base.typ.column_types.iter().map(nullable).collect(),
            keys: Vec::new(),
        };
        let own = Drawn {
            plan: Relation::get_local(id, typ.clone()),
            typ: typ.clone(),
            monotonic: false,
            size: 2 * base.size,
            keys: Vec::new(),
        };
        let step = match (integers.first(), self.planned) {
            (_, true) if self.choices.chance("step by a join", 1, 2) => self.joined(own),
            (Some(c), _) => self.counted(own, *c),
            (None, _) => self.rotated(own),
        };
        let grown = self.combined(vec![base.clone(), step], |inputs, _| Relation::Union {
            inputs,
        });
        let Some(grown) = grown else { return base };
        let all = (0..typ.arity()).map(column).collect();
        let value = self.over(grown, |input, _| distinct(input, all));
        let limit = self.limit();
        let bound = Drawn {
            plan: Relation::get_local(id, typ.clone()),
            typ: typ.clone(),
            monotonic: false,
            size: 2 * base.size,
            keys: Vec::new(),
        };
        self.locals.push((id, bound));
        let body = self.relation(1);
        self.locals.pop();
        if !reads(&body.plan, id) {
            return body;
        }
        Drawn {
            plan: Relation::LetRec {
                bindings: vec![RecBinding {
                    id,
                    typ,
                    value: value.plan,
                    limit,
                }],
                body: Box::new(body.plan),
            },
            monotonic: false,
            keys: Vec::new(),
            ..body
        }
    }

    fn limit(&mut self) -> Option<LetRecLimit> {
        let form = self.choices.weighted("recursion limit", &[2, 2, 2])?;
        let most = self.choices.between("iterations", 1, 5);
        let max_iters = NonZeroU64::new(most)?;
        (form > 0).then_some(LetRecLimit {
            max_iters,
            return_at_limit: form == 1,
        })
    }

    /// Numbers one larger, up to a bound.
    fn counted(&mut self, own: Drawn, c: usize) -> Drawn {
        let bound = self.choices.between("count to", 2, 5) as i64;
        let arity = own.typ.arity();
        let floor = binary(BinaryFunc::Gt, column(c), int64(-3));
        let ceiling = binary(BinaryFunc::Lt, column(c), int64(bound));
        let own = self.over(own, |input, _| input.filter(vec![floor, ceiling]));
        let next = binary(BinaryFunc::AddInt64, column(c), int64(1));
        let own = self.over(own, |input, _| input.map(vec![next]));
        let outputs = (0..arity).map(|i| if i == c { arity } else { i }).collect();
        self.over(own, |input, _| input.project(outputs))
    }

    /// Columns of one type change places: values come from what is there.
    fn rotated(&mut self, own: Drawn) -> Drawn {
        let columns = own.typ.column_types.clone();
        let outputs = columns.iter().map(|column| {
            let fitting = super::scalars::columns_of(&columns, &column.scalar_type);
            fitting[self.choices.index("rotated column", fitting.len())]
        });
        let outputs: Vec<usize> = outputs.collect();
        self.over(own, |input, _| input.project(outputs))
    }

    /// Reachability: joined with an input, and brought back to its columns.
    fn joined(&mut self, own: Drawn) -> Drawn {
        let other = self.leaf();
        let all: Vec<ReprColumnType> = own
            .typ
            .column_types
            .iter()
            .chain(&other.typ.column_types)
            .cloned()
            .collect();
        let arity = own.typ.arity();
        let pairs: Vec<(usize, usize)> = (0..arity)
            .flat_map(|a| (arity..all.len()).map(move |b| (a, b)))
            .filter(|(a, b)| all[*a].scalar_type == all[*b].scalar_type)
            .collect();
        let Some((a, b)) = self.choices.pick("tied columns", &pairs).copied() else {
            return self.rotated(own);
        };
        let equivalences: Vec<Vec<MirScalarExpr>> = vec![vec![column(a), column(b)]];
        let outputs = own.typ.column_types.iter().map(|wanted| {
            let fitting = super::scalars::columns_of(&all, &wanted.scalar_type);
            // The last ones come from the other side.
            let last = fitting.len() - 1;
            fitting[last - self.choices.index("reached column", fitting.len())]
        });
        let outputs: Vec<usize> = outputs.collect();
        let joined = self.combined(vec![own.clone(), other], |inputs, _| Relation::Join {
            inputs,
            equivalences,
            implementation: JoinImplementation::Unimplemented,
        });
        match joined {
            Some(joined) => self.over(joined, |input, _| input.project(outputs)),
            None => own,
        }
    }
}

/// Every row once.
fn distinct(input: Relation, group_key: Vec<MirScalarExpr>) -> Relation {
    debug_assert!(group_key.iter().all(|e| as_column(e).is_some()));
    Relation::Reduce {
        input: Box::new(input),
        group_key,
        aggregates: Vec::new(),
        monotonic: false,
        expected_group_size: None,
    }
}

/// Whether a plan reads the binding.
fn reads(plan: &Relation, id: LocalId) -> bool {
    let mut found = false;
    plan.visit(&mut |r| found |= matches!(r, Relation::Get { id: Id::Local(l), .. } if *l == id));
    found
}
