//! How much a reader has to read: the parts of a script, the characters of its
//! names and texts, and its numbers. Commands, rows and plans are walked;
//! nothing is printed.
//!
//! Invariants: every part that an edit can take away counts; what differs in
//! nothing that counts is told apart by its text ([`Complexity`]).
//!
//! [`Complexity`]: super::order::Complexity

use crate::plan::{JoinImplementation, Relation, scalar};
use crate::protocol::v26_30::{Id, MirScalarExpr};
use crate::repr::{Datum, GlobalId, Row};
use crate::script::{
    Cell, Command, CreateDataflow, DEFAULT_DATAFLOW_NAME, DEFAULT_ROW_BYTES, DEFAULT_TIMEOUT_SECS,
    Every, Export, Import, OrderBy, Plan, Refresh, RowLine, Selection, Setting, Value,
};

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tally {
    /// Parts, and the characters of names and texts.
    pub size: usize,
    /// The sum of all numbers, a sign counting one. A character of a value is a
    /// number, too: small letters count from `a`, all others after them.
    pub numbers: u128,
}

impl Tally {
    /// What a single value counts.
    pub fn of_value(value: &Value) -> Tally {
        let mut tally = Tally::default();
        tally.value(value);
        tally
    }

    fn settings(&mut self, settings: &[Setting]) {
        for setting in settings {
            self.parts(1);
            for text in [&setting.name, &setting.ty, &setting.value] {
                self.name(text);
            }
        }
    }

    pub fn command(&mut self, command: &Command) {
        match command {
            Command::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
                settings,
            } => {
                self.name_if(expiration_offset.as_ref());
                self.flag(*arrangement_dictionary_compression);
                self.settings(settings);
            }
            Command::UpdateConfiguration { settings } => self.settings(settings),
            Command::InitializationComplete | Command::Reconnect | Command::Restart => {}
            Command::Kill { replica, replaced } => {
                self.number((*replica).into());
                self.flag(*replaced);
            }
            Command::DefineSchema { name, columns } => {
                self.name(name);
                for column in columns {
                    self.parts(1);
                    self.name(&column.name);
                    self.name(&column.ty);
                    self.flag(column.nullable);
                }
            }
            Command::WriteSingleTs {
                shard,
                schema,
                ts,
                count,
                start,
                row_bytes,
            } => {
                self.name(shard);
                self.name_if(schema.as_ref());
                self.number(*ts);
                self.number(*count);
                self.unless(*start, 0);
                self.unless(*row_bytes as u64, DEFAULT_ROW_BYTES as u64);
            }
            Command::WriteSpread {
                shard,
                schema,
                count,
                n_ts,
                start,
                row_bytes,
            } => {
                self.name(shard);
                self.name_if(schema.as_ref());
                self.number(*count);
                self.number(*n_ts);
                self.unless(*start, 0);
                self.unless(*row_bytes as u64, DEFAULT_ROW_BYTES as u64);
            }
            Command::WriteRows {
                shard,
                schema,
                ts,
                part_bytes,
                rows,
            } => {
                self.name(shard);
                self.name_if(schema.as_ref());
                self.number(*ts);
                if let Some(bytes) = part_bytes {
                    self.parts(1);
                    self.number(*bytes);
                }
                rows.iter().for_each(|row| self.row(row));
            }
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                as_of,
                upper,
            } => {
                self.id(*source);
                self.id(*index);
                self.name(shard);
                self.name_if(schema.as_ref());
                self.columns(key);
                self.number(*as_of);
                self.number(*upper);
            }
            Command::CreateDataflow(dataflow) => self.dataflow(dataflow),
            Command::Schedule { id } | Command::AllowWrites { id } => self.id(*id),
            Command::AllowCompaction { id, frontier } => {
                self.id(*id);
                match frontier {
                    Some(ts) => self.number(*ts),
                    // It ends the collection, too.
                    None => self.parts(2),
                }
            }
            Command::AwaitFrontier {
                id,
                ts,
                timeout_secs,
                allow_timeout,
            } => {
                self.id(*id);
                self.number(*ts);
                self.unless(*timeout_secs, DEFAULT_TIMEOUT_SECS);
                self.flag(*allow_timeout);
            }
            Command::Count { id, ts } => {
                self.id(*id);
                self.number(*ts);
            }
            Command::Peek {
                id,
                schema,
                ts,
                selection,
            } => {
                self.id(*id);
                self.name_if(schema.as_ref());
                self.number(*ts);
                self.selection(selection);
            }
            Command::PeekCount { id, schema, ts } => {
                self.id(*id);
                self.name_if(schema.as_ref());
                self.number(*ts);
            }
            Command::ExpectCount {
                id,
                schema,
                ts,
                count,
            } => {
                self.id(*id);
                self.name_if(schema.as_ref());
                self.number(*ts);
                self.number(*count);
            }
            Command::ExpectError { command } => {
                self.parts(1);
                self.command(command);
            }
            Command::AwaitSubscribe {
                id,
                up_to,
                timeout_secs,
            } => {
                self.id(*id);
                self.number(*up_to);
                self.unless(*timeout_secs, DEFAULT_TIMEOUT_SECS);
            }
            Command::StartPeek {
                peek,
                id,
                schema,
                ts,
                selection,
            } => {
                self.name(peek);
                self.id(*id);
                self.name_if(schema.as_ref());
                self.number(*ts);
                self.selection(selection);
            }
            Command::AwaitPeek { peek, timeout_secs } => {
                self.name(peek);
                self.unless(*timeout_secs, DEFAULT_TIMEOUT_SECS);
            }
            Command::CancelPeek { peek } => self.name(peek),
            Command::DowngradeSince { shard, since } => {
                self.name(shard);
                self.number(*since);
            }
        }
    }

    fn parts(&mut self, parts: usize) {
        self.size += parts;
    }

    fn flag(&mut self, on: bool) {
        self.parts(usize::from(on));
    }

    fn add(&mut self, number: u128) {
        self.numbers = self.numbers.saturating_add(number);
    }

    fn number(&mut self, number: u64) {
        self.parts(1);
        self.add(number.into());
    }

    fn number_if(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.number(number);
        }
    }

    fn unless(&mut self, number: u64, default: u64) {
        self.number_if((number != default).then_some(number));
    }

    /// An integer that may be negative, without its part.
    fn signed(&mut self, number: i64) {
        self.add(number.unsigned_abs().into());
        self.add(u128::from(number < 0));
    }

    fn name(&mut self, name: &str) {
        self.parts(1 + name.chars().count());
    }

    fn name_if(&mut self, name: Option<&String>) {
        if let Some(name) = name {
            self.name(name);
        }
    }

    fn id(&mut self, id: GlobalId) {
        match id {
            GlobalId::User(n) => self.number(n),
            GlobalId::System(n)
            | GlobalId::IntrospectionSourceIndex(n)
            | GlobalId::Transient(n) => {
                self.parts(1);
                self.number(n);
            }
            GlobalId::Explain => self.parts(2),
        }
    }

    fn columns(&mut self, columns: &[usize]) {
        for column in columns {
            self.number(*column as u64);
        }
    }

    fn row(&mut self, row: &RowLine) {
        self.parts(1);
        row.cells.iter().for_each(|cell| self.cell(cell));
        if row.diff != 1 {
            self.parts(1);
            self.signed(row.diff);
        }
    }

    fn cell(&mut self, cell: &Cell) {
        match cell {
            Cell::Value(value) => self.value(value),
            // What its column cannot hold reads worse than what it can.
            Cell::Verbatim(_) => {
                self.parts(2);
                self.text(&cell.to_string());
            }
        }
    }

    fn value(&mut self, value: &Value) {
        self.parts(1);
        match value {
            // The characters of its word.
            Value::Null => self.parts(4),
            Value::Bool(v) => self.add((*v).into()),
            Value::Int16(v) => self.signed((*v).into()),
            Value::Int32(v) => self.signed((*v).into()),
            Value::Int64(v) => self.signed(*v),
            Value::String(_) | Value::Bytes(_) | Value::Literal(_) => {
                self.text(&value.to_string());
            }
        }
    }

    /// A text as it is written, its quotes included.
    fn text(&mut self, token: &str) {
        for c in token.chars() {
            self.parts(1);
            self.add(match c {
                'a'..='z' => u128::from(c) - u128::from('a'),
                other => 26 + u128::from(other),
            });
        }
    }

    fn selection(&mut self, selection: &Selection) {
        let Selection {
            literals,
            order_by,
            limit,
            offset,
            plan,
        } = selection;
        if let Some(plan) = plan {
            self.parts(1);
            self.written(plan);
        }
        for literal in literals {
            self.parts(1);
            literal.iter().for_each(|cell| self.cell(cell));
        }
        for order in order_by {
            let OrderBy {
                column,
                desc,
                nulls_last,
            } = *order;
            self.order(column, desc, nulls_last);
        }
        self.number_if(*limit);
        self.unless(*offset, 0);
    }

    fn order(&mut self, column: usize, desc: bool, nulls_last: bool) {
        self.number(column as u64);
        self.flag(desc);
        self.flag(nulls_last);
    }

    fn dataflow(&mut self, dataflow: &CreateDataflow) {
        let CreateDataflow {
            name,
            as_of,
            until,
            optimize,
            join,
            imports,
            builds,
            exports,
        } = dataflow;
        self.name_if((name != DEFAULT_DATAFLOW_NAME).then_some(name));
        self.number(*as_of);
        self.number_if(*until);
        self.flag(*optimize);
        // Whether joins are planned so or by themselves is one part, how is another.
        self.parts(2 * usize::from(join.is_some()));
        for import in imports {
            self.parts(1);
            match import {
                Import::Source {
                    id,
                    shard,
                    schema,
                    upper,
                } => {
                    self.id(*id);
                    self.name(shard);
                    self.name_if(schema.as_ref());
                    self.number(*upper);
                }
                Import::Index { index } => self.id(*index),
            }
        }
        for build in builds {
            self.parts(1);
            self.id(build.id);
            self.written(&build.plan);
        }
        for export in exports {
            self.export(export);
        }
    }

    fn refresh(&mut self, refresh: &Refresh) {
        self.parts(1);
        if let Some(Every {
            interval,
            aligned_to,
        }) = refresh.every()
        {
            self.parts(1);
            self.number(interval);
            self.unless(aligned_to, 0);
        }
        for at in refresh.at() {
            self.parts(1);
            self.number(*at);
        }
    }

    fn export(&mut self, export: &Export) {
        self.parts(1);
        match export {
            Export::Index { index, on, key } => {
                self.id(*index);
                self.id(*on);
                self.columns(key);
            }
            Export::MaterializedView {
                sink,
                on,
                shard,
                schema,
                not_null,
                refresh,
            } => {
                self.parts(1);
                self.id(*sink);
                self.id(*on);
                self.name(shard);
                self.name_if(schema.as_ref());
                self.columns(not_null);
                if let Some(refresh) = refresh {
                    self.refresh(refresh);
                }
            }
            Export::Subscribe {
                sink,
                on,
                schema,
                up_to,
                snapshot,
            } => {
                self.parts(1);
                self.id(*sink);
                self.id(*on);
                self.name_if(schema.as_ref());
                self.number_if(*up_to);
                self.flag(!snapshot);
            }
        }
    }

    fn written(&mut self, plan: &Plan) {
        match plan {
            Plan::Operators(plan) => self.plan(plan),
            Plan::Text(text) => self.name(text),
        }
    }

    fn plan(&mut self, plan: &Relation) {
        plan.visit(&mut |operator| self.operator(operator));
    }

    /// An operator without its inputs.
    fn operator(&mut self, operator: &Relation) {
        self.parts(1);
        match operator {
            Relation::Constant { rows, typ } => {
                self.parts(typ.column_types.len());
                match rows {
                    Ok(rows) => {
                        for (row, time, diff) in rows {
                            self.parts(1);
                            self.datums(row);
                            self.unless(*time, 0);
                            if *diff != 1 {
                                self.parts(1);
                                self.signed(*diff);
                            }
                        }
                    }
                    Err(_) => self.parts(1),
                }
            }
            Relation::Get { id, .. } => match id {
                Id::Global(id) => self.id(*id),
                Id::Local(id) => self.number(id.0),
            },
            Relation::Let { id, .. } => self.number(id.0),
            Relation::LetRec { bindings, .. } => {
                for binding in bindings {
                    self.number(binding.id.0);
                    self.parts(binding.typ.column_types.len());
                    self.flag(binding.limit.is_some());
                }
            }
            Relation::Project { outputs, .. } => self.columns(outputs),
            Relation::Map { scalars, .. } => self.scalars(scalars),
            Relation::FlatMap { exprs, .. } => self.scalars(exprs),
            Relation::Filter { predicates, .. } => self.scalars(predicates),
            Relation::Join {
                equivalences,
                implementation,
                ..
            } => {
                self.lists(equivalences);
                match implementation {
                    JoinImplementation::Unimplemented => {}
                    JoinImplementation::Differential {
                        start,
                        start_key,
                        order,
                    } => {
                        self.number(*start as u64);
                        self.scalars(start_key.iter().flatten());
                        self.lists(order.iter().map(|(_, key)| key));
                    }
                    JoinImplementation::DeltaQuery(orders) => {
                        self.parts(orders.len());
                        self.lists(orders.iter().flatten().map(|(_, key)| key));
                    }
                    JoinImplementation::IndexedFilter { key } => {
                        self.parts(1);
                        self.scalars(key);
                    }
                }
            }
            Relation::Reduce {
                group_key,
                aggregates,
                monotonic,
                expected_group_size,
                ..
            } => {
                self.state();
                self.scalars(group_key);
                for aggregate in aggregates {
                    self.parts(1);
                    self.flag(aggregate.distinct);
                    self.scalar(&aggregate.expr);
                }
                self.flag(*monotonic);
                self.number_if(*expected_group_size);
            }
            Relation::TopK {
                group_key,
                order_key,
                limit,
                offset,
                monotonic,
                expected_group_size,
                ..
            } => {
                self.state();
                self.columns(group_key);
                for order in order_key {
                    self.order(order.column, order.desc, order.nulls_last);
                }
                self.scalars(limit);
                self.unless(*offset as u64, 0);
                self.flag(*monotonic);
                self.number_if(*expected_group_size);
            }
            Relation::Threshold { .. } => self.state(),
            Relation::Negate { .. } | Relation::Union { .. } => {}
            Relation::ArrangeBy { keys, .. } => self.lists(keys),
        }
    }

    /// An operator that holds what it has seen is more than one that chooses columns.
    fn state(&mut self) {
        self.parts(1);
    }

    fn lists<'a>(&mut self, lists: impl IntoIterator<Item = &'a Vec<MirScalarExpr>>) {
        for list in lists {
            self.parts(1);
            self.scalars(list);
        }
    }

    fn scalars<'a>(&mut self, scalars: impl IntoIterator<Item = &'a MirScalarExpr>) {
        for scalar in scalars {
            self.scalar(scalar);
        }
    }

    fn scalar(&mut self, scalar: &MirScalarExpr) {
        scalar::visit(scalar, &mut |node| match node {
            MirScalarExpr::Column(column, _) => self.number(*column as u64),
            MirScalarExpr::Literal(Ok(row), _) => self.datums(row),
            MirScalarExpr::Literal(Err(_), _) => self.parts(2),
            MirScalarExpr::CallUnmaterializable(_)
            | MirScalarExpr::CallUnary { .. }
            | MirScalarExpr::CallBinary { .. }
            | MirScalarExpr::CallVariadic { .. }
            | MirScalarExpr::If { .. } => self.parts(1),
        });
    }

    fn datums(&mut self, row: &Row) {
        row.iter().for_each(|datum| self.datum(datum));
    }

    fn datum(&mut self, datum: Datum<'_>) {
        match Value::of(datum) {
            Some(value) => self.value(&value),
            None => self.name(&datum.to_string()),
        }
    }
}
