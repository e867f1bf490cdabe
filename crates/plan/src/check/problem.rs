//! What is wrong with one operator or call, in words, and the checks that most
//! of them share.
//!
//! Invariant: a problem says what was found and what was expected; where it is,
//! the caller knows.

use crate::text::type_name;
use crate::types::same_type;
use repr::{ReprColumnType, ReprScalarType, SqlScalarType};

/// A problem without its place.
pub(super) type Problem = String;

/// The columns of a relation.
pub(super) type Columns = Vec<ReprColumnType>;

/// A column of the type, NULL excluded.
pub(super) fn non_null(scalar_type: ReprScalarType) -> ReprColumnType {
    nullable(scalar_type, false)
}

/// A column of the type, NULL included.
pub(super) fn or_null(scalar_type: ReprScalarType) -> ReprColumnType {
    nullable(scalar_type, true)
}

/// A column of the type.
pub(super) fn nullable(scalar_type: ReprScalarType, nullable: bool) -> ReprColumnType {
    ReprColumnType {
        scalar_type,
        nullable,
    }
}

/// `what` has the type that is expected of it.
pub(super) fn expect(
    what: &str,
    found: &ReprScalarType,
    expected: &ReprScalarType,
) -> Result<(), Problem> {
    if same_type(found, expected) {
        Ok(())
    } else {
        let (found, expected) = (type_name(found), type_name(expected));
        Err(format!("{what} is {found}, expected {expected}"))
    }
}

/// The input has the column.
pub(super) fn in_range(column: usize, arity: usize) -> Result<(), Problem> {
    if column < arity {
        Ok(())
    } else {
        Err(format!(
            "column #{column} is out of range, the input has {arity} columns"
        ))
    }
}

/// The arguments of a call.
pub(super) struct Arguments<'a> {
    /// The function's name in the text form.
    pub name: String,
    pub args: &'a [ReprColumnType],
}

impl Arguments<'_> {
    /// What an error calls the `i`-th argument.
    pub fn what(&self, i: usize) -> String {
        format!("argument {} of {}", i + 1, self.name)
    }

    /// Every argument has the type.
    pub fn all_of(&self, expected: &ReprScalarType) -> Result<(), Problem> {
        let mut args = self.args.iter().enumerate();
        args.try_for_each(|(i, arg)| expect(&self.what(i), &arg.scalar_type, expected))
    }

    /// Every argument has the type of the first.
    pub fn all_alike(&self) -> Result<ReprScalarType, Problem> {
        let first = self.first()?;
        self.all_of(&first).map(|()| first)
    }

    /// Every argument is an element of this type.
    pub fn all_elements(&self, element: &SqlScalarType) -> Result<ReprScalarType, Problem> {
        let element = element.to_repr();
        self.all_of(&element).map(|()| element)
    }

    /// The arguments have these types, one after the other.
    pub fn exactly(&self, expected: &[ReprScalarType]) -> Result<(), Problem> {
        if self.args.len() != expected.len() {
            let (n, m) = (self.args.len(), expected.len());
            return Err(format!("{} has {n} arguments, expected {m}", self.name));
        }
        let mut args = self.args.iter().zip(expected).enumerate();
        args.try_for_each(|(i, (arg, expected))| expect(&self.what(i), &arg.scalar_type, expected))
    }

    /// The type of the first argument.
    pub fn first(&self) -> Result<ReprScalarType, Problem> {
        let first = self.args.first().map(|arg| arg.scalar_type.clone());
        first.ok_or_else(|| format!("{} needs at least one argument", self.name))
    }
}
