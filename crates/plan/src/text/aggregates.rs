//! Aggregates in the text form, read and printed. Source: `spec/script.md` §3.4; the
//! window functions are ours, with the names and parameters that upstream's EXPLAIN
//! shows, over the wire's functions of `spec/plan.md` §4.7.
//!
//! Invariant: what is printed reads back as the same aggregate.

use super::cursor::Parser;
use super::lex::{ParseError, Token};
use super::print_scalar::scalar_text;
use crate::functions::{self, snake_name};
use crate::reduction::window_order;
use crate::scalar;
use protocol::v26_30::{
    AggregateExpr, AggregateFunc, ColumnOrder, LagLeadType, WindowFrame, WindowFrameBound,
    WindowFrameUnits,
};

/// How deep functions may be nested in the parameters of another.
const MAX_DEPTH: usize = 3;

/// The frame of a window that names none: from the first row to the last peer of the
/// current one.
const DEFAULT_FRAME: WindowFrame = WindowFrame {
    units: WindowFrameUnits::Range,
    start_bound: WindowFrameBound::UnboundedPreceding,
    end_bound: WindowFrameBound::CurrentRow,
};

/// The window functions by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    RowNumber,
    Rank,
    DenseRank,
    LagLead(Direction),
    FirstValue,
    LastValue,
    FusedValues,
    Aggregate,
    FusedAggregates,
}

/// The wire's `LagLeadType`, which cannot be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Lag,
    Lead,
}

const WINDOWS: [(&str, Window); 10] = [
    ("row_number", Window::RowNumber),
    ("rank", Window::Rank),
    ("dense_rank", Window::DenseRank),
    ("lag", Window::LagLead(Direction::Lag)),
    ("lead", Window::LagLead(Direction::Lead)),
    ("first_value", Window::FirstValue),
    ("last_value", Window::LastValue),
    ("fused_value_window_func", Window::FusedValues),
    ("window_agg", Window::Aggregate),
    ("fused_window_agg", Window::FusedAggregates),
];

impl Window {
    fn has_frame(self) -> bool {
        match self {
            Window::FirstValue
            | Window::LastValue
            | Window::Aggregate
            | Window::FusedAggregates => true,
            Window::RowNumber
            | Window::Rank
            | Window::DenseRank
            | Window::LagLead(_)
            | Window::FusedValues => false,
        }
    }

    fn has_inner_functions(self) -> bool {
        match self {
            Window::FusedValues | Window::Aggregate | Window::FusedAggregates => true,
            Window::RowNumber
            | Window::Rank
            | Window::DenseRank
            | Window::LagLead(_)
            | Window::FirstValue
            | Window::LastValue => false,
        }
    }
}

/// What stands in the brackets of a window function.
struct Parameters {
    inner: Vec<AggregateFunc>,
    ignore_nulls: bool,
    order_by: Vec<ColumnOrder>,
    window_frame: WindowFrame,
}

impl Parser {
    /// `sum(distinct #0)`, `count(*)`, `string_agg[#0 asc nulls_last](…)`,
    /// `row_number[order_by=[#0 asc nulls_last]](…)`
    pub(super) fn aggregate(&mut self) -> Result<AggregateExpr, ParseError> {
        let func = self.aggregate_function(0)?;
        self.expect("(")?;
        let distinct = self.take_word("distinct");
        let expr = if self.peek().token == Token::Punct("*") {
            self.next();
            scalar::boolean(true)
        } else {
            self.expression()?
        };
        self.expect(")")?;
        Ok(AggregateExpr {
            func,
            expr,
            distinct,
        })
    }

    fn aggregate_function(&mut self, depth: usize) -> Result<AggregateFunc, ParseError> {
        if depth > MAX_DEPTH {
            return self.error("the function is nested too deeply");
        }
        let place = self.at;
        let name = self.ident()?.to_ascii_lowercase();
        if let Some((_, window)) = WINDOWS.iter().find(|(known, _)| *known == name) {
            return self.window_function(*window, depth);
        }
        let order_by = if self.peek().token == Token::Punct("[") {
            self.list("[", "]", Self::order)?
        } else {
            Vec::new()
        };
        Ok(match name.as_str() {
            "count" => AggregateFunc::Count,
            "sum" => AggregateFunc::SumInt64,
            "max" => AggregateFunc::MaxInt64,
            "min" => AggregateFunc::MinInt64,
            "string_agg" => AggregateFunc::StringAgg { order_by },
            "array_concat" => AggregateFunc::ArrayConcat { order_by },
            "list_concat" => AggregateFunc::ListConcat { order_by },
            _ => {
                let table = &functions::AGGREGATES;
                match table.iter().find(|entry| snake_name(&entry.func) == name) {
                    Some(entry) => entry.func.clone(),
                    None => {
                        self.at = place;
                        return self.error(format!("unsupported function name `{name}`"));
                    }
                }
            }
        })
    }

    fn window_function(
        &mut self,
        window: Window,
        depth: usize,
    ) -> Result<AggregateFunc, ParseError> {
        let Parameters {
            mut inner,
            ignore_nulls,
            order_by,
            window_frame,
        } = self.window_parameters(window, depth)?;
        Ok(match window {
            Window::RowNumber => AggregateFunc::RowNumber { order_by },
            Window::Rank => AggregateFunc::Rank { order_by },
            Window::DenseRank => AggregateFunc::DenseRank { order_by },
            Window::LagLead(direction) => AggregateFunc::LagLead {
                order_by,
                lag_lead: match direction {
                    Direction::Lag => LagLeadType::Lag,
                    Direction::Lead => LagLeadType::Lead,
                },
                ignore_nulls,
            },
            Window::FirstValue => AggregateFunc::FirstValue {
                order_by,
                window_frame,
            },
            Window::LastValue => AggregateFunc::LastValue {
                order_by,
                window_frame,
            },
            Window::FusedValues => AggregateFunc::FusedValueWindowFunc {
                funcs: inner,
                order_by,
            },
            Window::Aggregate => match (inner.pop(), inner.is_empty()) {
                (Some(wrapped), true) => AggregateFunc::WindowAggregate {
                    wrapped_aggregate: Box::new(wrapped),
                    order_by,
                    window_frame,
                },
                _ => return self.error("expected one aggregate in `window_agg[…]`"),
            },
            Window::FusedAggregates => AggregateFunc::FusedWindowAggregate {
                wrapped_aggregates: inner,
                order_by,
                window_frame,
            },
        })
    }

    /// `[sum order_by=[#0 asc nulls_last] rows between 1 preceding and current row]`,
    /// `[ignore_nulls=true, order_by=[]]`; without brackets, no order.
    fn window_parameters(
        &mut self,
        window: Window,
        depth: usize,
    ) -> Result<Parameters, ParseError> {
        let mut parameters = Parameters {
            inner: Vec::new(),
            ignore_nulls: false,
            order_by: Vec::new(),
            window_frame: DEFAULT_FRAME,
        };
        if self.peek().token != Token::Punct("[") && !window.has_inner_functions() {
            return Ok(parameters);
        }
        self.expect("[")?;
        if window.has_inner_functions() {
            parameters.inner.push(self.aggregate_function(depth + 1)?);
            while self.take(",") {
                parameters.inner.push(self.aggregate_function(depth + 1)?);
            }
        }
        if let Window::LagLead(_) = window
            && self.take_attribute("ignore_nulls")
        {
            self.expect_word("true")?;
            parameters.ignore_nulls = true;
            self.expect(",")?;
        }
        self.attribute("order_by")?;
        parameters.order_by = self.list("[", "]", Self::order)?;
        if window.has_frame() && self.peek().token != Token::Punct("]") {
            parameters.window_frame = self.window_frame()?;
        }
        self.expect("]")?;
        Ok(parameters)
    }

    /// `rows between 2 preceding and current row`
    fn window_frame(&mut self) -> Result<WindowFrame, ParseError> {
        let units = if self.take_word("rows") {
            WindowFrameUnits::Rows
        } else if self.take_word("range") {
            WindowFrameUnits::Range
        } else if self.take_word("groups") {
            WindowFrameUnits::Groups
        } else {
            return self.error("expected one of: `rows`, `range`, `groups`, `]`");
        };
        self.expect_word("between")?;
        let start_bound = self.frame_bound()?;
        self.expect_word("and")?;
        let end_bound = self.frame_bound()?;
        Ok(WindowFrame {
            units,
            start_bound,
            end_bound,
        })
    }

    fn frame_bound(&mut self) -> Result<WindowFrameBound, ParseError> {
        if self.take_word("current") {
            self.expect_word("row")?;
            return Ok(WindowFrameBound::CurrentRow);
        }
        let offset: Option<u64> = if self.take_word("unbounded") {
            None
        } else {
            Some(self.number()?)
        };
        if self.take_word("preceding") {
            Ok(match offset {
                None => WindowFrameBound::UnboundedPreceding,
                Some(rows) => WindowFrameBound::OffsetPreceding(rows),
            })
        } else if self.take_word("following") {
            Ok(match offset {
                None => WindowFrameBound::UnboundedFollowing,
                Some(rows) => WindowFrameBound::OffsetFollowing(rows),
            })
        } else {
            self.error("expected one of: `preceding`, `following`")
        }
    }

    /// `#1 asc nulls_first`; descending and NULLs last unless said.
    pub(super) fn order(&mut self) -> Result<ColumnOrder, ParseError> {
        let column = self.column()?;
        let desc = !self.take_word("asc");
        if desc {
            self.take_word("desc");
        }
        let nulls_last = !self.take_word("nulls_first");
        if nulls_last {
            self.take_word("nulls_last");
        }
        Ok(ColumnOrder {
            column,
            desc,
            nulls_last,
        })
    }
}

pub(super) fn orders_text(orders: &[ColumnOrder]) -> String {
    let all: Vec<String> = orders
        .iter()
        .map(|order| {
            let direction = if order.desc { "desc" } else { "asc" };
            let nulls = if order.nulls_last { "last" } else { "first" };
            format!("#{} {direction} nulls_{nulls}", order.column)
        })
        .collect();
    all.join(", ")
}

/// Aggregates, separated by commas.
pub(super) fn aggregate_list(aggregates: &[AggregateExpr]) -> String {
    let all: Vec<String> = aggregates.iter().map(aggregate_text).collect();
    all.join(", ")
}

fn aggregate_text(a: &AggregateExpr) -> String {
    let whole = a.func == AggregateFunc::Count && !a.distinct && a.expr == scalar::boolean(true);
    if whole {
        return "count(*)".into();
    }
    let distinct = if a.distinct { "distinct " } else { "" };
    let function = function_text(&a.func);
    format!("{function}({distinct}{})", scalar_text(&a.expr))
}

/// The name of an aggregate function, without parameters.
pub fn aggregate_name(func: &AggregateFunc) -> String {
    let text = function_text(func);
    text.split('[').next().unwrap_or_default().to_string()
}

/// The name of a function, with its parameters.
fn function_text(func: &AggregateFunc) -> String {
    let ordered = |name: &str, order_by: &[ColumnOrder]| {
        if order_by.is_empty() {
            name.to_string()
        } else {
            format!("{name}[{}]", orders_text(order_by))
        }
    };
    match func {
        AggregateFunc::Count => "count".into(),
        AggregateFunc::SumInt64 => "sum".into(),
        AggregateFunc::MaxInt64 => "max".into(),
        AggregateFunc::MinInt64 => "min".into(),
        AggregateFunc::StringAgg { order_by } => ordered("string_agg", order_by),
        AggregateFunc::ArrayConcat { order_by } => ordered("array_concat", order_by),
        AggregateFunc::ListConcat { order_by } => ordered("list_concat", order_by),
        other => window_text(other).unwrap_or_else(|| snake_name(other)),
    }
}

/// The name of a window function, with what it computes, its order and its frame.
fn window_text(func: &AggregateFunc) -> Option<String> {
    let order_by = orders_text(window_order(func)?);
    let plain = |name| (name, String::new(), String::new());
    let (name, computes, frame) = match func {
        AggregateFunc::RowNumber { .. } => plain("row_number"),
        AggregateFunc::Rank { .. } => plain("rank"),
        AggregateFunc::DenseRank { .. } => plain("dense_rank"),
        AggregateFunc::LagLead {
            lag_lead,
            ignore_nulls,
            ..
        } => {
            let name = match lag_lead {
                LagLeadType::Lag => "lag",
                LagLeadType::Lead => "lead",
            };
            let nulls = match ignore_nulls {
                true => "ignore_nulls=true, ",
                false => "",
            };
            (name, nulls.to_string(), String::new())
        }
        AggregateFunc::FirstValue { window_frame, .. } => {
            ("first_value", String::new(), frame_text(window_frame))
        }
        AggregateFunc::LastValue { window_frame, .. } => {
            ("last_value", String::new(), frame_text(window_frame))
        }
        AggregateFunc::FusedValueWindowFunc { funcs, .. } => {
            ("fused_value_window_func", inner_text(funcs), String::new())
        }
        AggregateFunc::WindowAggregate {
            wrapped_aggregate,
            window_frame,
            ..
        } => {
            let inner = inner_text(std::slice::from_ref(&**wrapped_aggregate));
            ("window_agg", inner, frame_text(window_frame))
        }
        AggregateFunc::FusedWindowAggregate {
            wrapped_aggregates,
            window_frame,
            ..
        } => {
            let inner = inner_text(wrapped_aggregates);
            ("fused_window_agg", inner, frame_text(window_frame))
        }
        // No other function has the order of a window.
        other => return Some(snake_name(other)),
    };
    Some(format!("{name}[{computes}order_by=[{order_by}]{frame}]"))
}

/// Functions in the brackets of another, before its order.
fn inner_text(funcs: &[AggregateFunc]) -> String {
    let all: Vec<String> = funcs.iter().map(function_text).collect();
    format!("{} ", all.join(", "))
}

/// The frame, with a blank before it; nothing for the one that need not be said.
fn frame_text(frame: &WindowFrame) -> String {
    if *frame == DEFAULT_FRAME {
        return String::new();
    }
    format!(" {}", window_frame_text(frame))
}

/// `rows between 2 preceding and current row`
pub fn window_frame_text(frame: &WindowFrame) -> String {
    let units = match frame.units {
        WindowFrameUnits::Rows => "rows",
        WindowFrameUnits::Range => "range",
        WindowFrameUnits::Groups => "groups",
    };
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::UnboundedPreceding => "unbounded preceding".to_string(),
        WindowFrameBound::OffsetPreceding(rows) => format!("{rows} preceding"),
        WindowFrameBound::CurrentRow => "current row".to_string(),
        WindowFrameBound::OffsetFollowing(rows) => format!("{rows} following"),
        WindowFrameBound::UnboundedFollowing => "unbounded following".to_string(),
    };
    let (start, end) = (bound(&frame.start_bound), bound(&frame.end_bound));
    format!("{units} between {start} and {end}")
}

#[cfg(test)]
mod tests {
    use crate::text::{print, read};

    #[test]
    fn window_functions_print_as_they_are_read() {
        for function in [
            "row_number[order_by=[]]",
            "rank[order_by=[#0 asc nulls_last, #1 desc nulls_first]]",
            "dense_rank[order_by=[#0 asc nulls_first]]",
            "lag[order_by=[#0 asc nulls_last]]",
            "lead[ignore_nulls=true, order_by=[]]",
            "first_value[order_by=[] rows between 1 preceding and current row]",
            "last_value[order_by=[#0 desc nulls_last]]",
            "last_value[order_by=[] groups between 2 following and unbounded following]",
            "window_agg[sum_int32 order_by=[#0 asc nulls_last] range between current row and 3 following]",
            "window_agg[string_agg[#0 asc nulls_last] order_by=[]]",
            "fused_window_agg[sum, count order_by=[] rows between unbounded preceding and 0 following]",
            "fused_value_window_func[lag[order_by=[]], last_value[order_by=[] rows between current row and current row] order_by=[]]",
        ] {
            let text = format!("Reduce aggregates=[{function}(#0)]\n  Get u1\n");
            assert_eq!(print(&read(&text).unwrap()), text);
        }
    }

    #[test]
    fn the_frame_of_a_window_that_names_none_need_not_be_said() {
        let plan = |function: &str| read(&format!("Reduce aggregates=[{function}(#0)]\n  Get u1"));
        let said = "last_value[order_by=[] range between unbounded preceding and current row]";
        assert_eq!(plan(said), plan("last_value"));
        assert!(print(&plan(said).unwrap()).contains("last_value[order_by=[]](#0)"));
    }
}
