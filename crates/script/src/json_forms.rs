//! How ids and rows look in the JSON form, which serde cannot be told in an
//! attribute. Source: `spec/script.md` §5.
//!
//! Invariant: what is written reads back as the same value.

/// An id: a bare number is a user id, text is a prefixed id (*extension*).
pub(super) mod bare {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use repr::GlobalId;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Bare {
        Number(u64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(id: &GlobalId, serializer: S) -> Result<S::Ok, S::Error> {
        let bare = match id {
            GlobalId::User(n) => Bare::Number(*n),
            other => Bare::Text(other.to_string()),
        };
        bare.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobalId, D::Error> {
        match Bare::deserialize(deserializer)? {
            Bare::Number(n) => Ok(GlobalId::User(n)),
            Bare::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// The rows of `write_rows`, and behind them their multiplicities, if any is
/// not 1 (*extension*).
pub(super) mod rows {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::cell::{Cell, RowLine};
    use repr::Diff;

    #[derive(Serialize, Deserialize)]
    struct Rows<C> {
        rows: Vec<C>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        diffs: Vec<Diff>,
    }

    pub fn serialize<S: Serializer>(lines: &[RowLine], serializer: S) -> Result<S::Ok, S::Error> {
        let mut diffs: Vec<Diff> = lines.iter().map(|line| line.diff).collect();
        if diffs.iter().all(|diff| *diff == 1) {
            diffs.clear();
        }
        let rows: Vec<&[Cell]> = lines.iter().map(|line| line.cells.as_slice()).collect();
        Rows { rows, diffs }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<RowLine>, D::Error> {
        let Rows { rows, diffs } = Rows::<Vec<Cell>>::deserialize(deserializer)?;
        if !diffs.is_empty() && diffs.len() != rows.len() {
            return Err(serde::de::Error::custom(format!(
                "{} diffs for {} rows: expected one for each, or none at all",
                diffs.len(),
                rows.len()
            )));
        }
        let line = |(at, cells): (usize, Vec<Cell>)| RowLine {
            cells,
            diff: diffs.get(at).copied().unwrap_or(1),
        };
        Ok(rows.into_iter().enumerate().map(line).collect())
    }
}
