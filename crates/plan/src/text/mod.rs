//! The text form of plans: upstream's MIR text language (`spec/script.md` §3)
//! and what this project adds to it. `parse` and `print` are exact inverses on
//! plans that pass the type checker.
//!
//! Additions, none of which upstream's driver of this version reads: typed
//! literals `5::integer` and more type names; every function of `functions` by
//! its snake-case name; `list_create[T]`, `array_create[T]`,
//! `record_create["f"]`, `record_get[i]`; `mz_now()`; `keys` annotations;
//! `cte [recursion_limit=3, return_at_recursion_limit] l0 =`; times of constant
//! rows `((1) x 2 @ 5)`; `Constant error("…")`; `Join on=(…) impl=linear(…)`; the
//! window functions, such as
//! `last_value[order_by=[#0 asc nulls_last] rows between 1 preceding and current row](…)`.

mod aggregates;
mod bindings;
mod compound;
mod cursor;
mod errors;
mod lex;
mod names;
mod parse;
mod print;
mod print_scalar;
mod scalars;
mod types;
mod upstream;
mod values;

pub use aggregates::{aggregate_name, window_frame_text};
pub use lex::ParseError;
pub use names::{binary_symbol, sql_type, table_function_name, type_name};
pub use parse::{PlanError, parse, read};
pub use print::{header, print};
pub use print_scalar::scalar_text;
pub use types::read_type;
pub use upstream::unsayable;
pub use values::{plain_text, read_value};
