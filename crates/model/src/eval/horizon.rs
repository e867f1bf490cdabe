//! How long contents stay what they are: until an input changes, or `mz_now()`
//! passes a bound. A checker that looks at one time after the other can skip to the
//! next one at which something may be new.
//!
//! Invariant: contents are the same at every time from their own on that lies
//! before the horizon, errors included; the horizon may be too near, never too far.

use repr::Timestamp;

/// The first time at which contents may be something else. None by default: they
/// stay for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Horizon(Option<Timestamp>);

impl Horizon {
    /// The first time at which contents may be something else; `None` of those that
    /// stay for ever.
    pub fn next(self) -> Option<Timestamp> {
        self.0
    }

    /// The nearest of some.
    pub fn nearest(horizons: impl Iterator<Item = Horizon>) -> Horizon {
        let mut nearest = Horizon::default();
        horizons.for_each(|horizon| nearest.meet(horizon));
        nearest
    }

    /// Something that counts changes at `time`.
    pub fn end_at(&mut self, time: Timestamp) {
        self.0 = Some(self.0.map_or(time, |known| known.min(time)));
    }

    /// Something that counts stays only as long as `other` says.
    pub fn meet(&mut self, other: Horizon) {
        if let Some(time) = other.0 {
            self.end_at(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_change_is_the_horizon() {
        let mut horizon = Horizon::default();
        assert_eq!(horizon.next(), None);
        horizon.end_at(7);
        horizon.end_at(9);
        horizon.meet(Horizon::default());
        assert_eq!(horizon.next(), Some(7));
        let mut other = Horizon::default();
        other.end_at(3);
        horizon.meet(other);
        assert_eq!(horizon.next(), Some(3));
    }
}
