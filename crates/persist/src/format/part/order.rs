//! The order of the keys within a run (`spec/persist.md` §5.3): readers merge
//! runs by it.

use arrow::array::{DynComparator, StructArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::error::ArrowError;

/// The order of structured runs: field by field, nulls last (§5.3).
pub fn key_order(keys: &StructArray) -> Result<DynComparator, ArrowError> {
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    make_comparator(keys, keys, options)
}
