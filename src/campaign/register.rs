//! The register of a campaign: which bugs it has found, and which cases are worth
//! a closer look because they may show another one behind the same kind.
//!
//! Invariants: the first case of each kind is pursued; of the others the first
//! ones, those that cannot show what is known, and of the rest the second, fourth,
//! eighth and so on, so that the looks spread over a campaign of any length; one
//! case of a kind is pursued at a time. Only minimal scripts tell bugs apart: of
//! those that could not be shrunk to the end, one a kind is told.

use std::collections::BTreeMap;

use super::skeleton::{Likeness, Skeleton};

/// Cases of one kind that are pursued.
const MOST_PURSUITS: u64 = 100;

/// The first cases of a kind, each of which is pursued.
const FIRST_CASES: u64 = 16;

/// Findings of one kind that are told although they hold all of another one: such a
/// bug hides behind a simpler one, but a simpler one may have many larger forms.
const MOST_LARGER: usize = 4;

/// What a campaign has found so far; see the module.
#[derive(Debug)]
pub struct Register {
    kinds: BTreeMap<String, SeenKind>,
    /// Findings are shrunk, so that bugs of one kind can be told apart.
    shrinks: bool,
}

/// Cases that broke the same invariant in the same way.
#[derive(Debug, Default)]
struct SeenKind {
    cases: u64,
    pursuits: u64,
    /// One is being pursued.
    is_open: bool,
    /// Findings that were told.
    findings: usize,
    /// The skeletons of the minimal scripts among them.
    known: Vec<Skeleton>,
    /// Those among them that hold more than another one.
    larger: usize,
}

/// What a pursuit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    pub skeleton: Skeleton,
    /// Nothing makes its script simpler any more.
    pub is_minimal: bool,
}

/// What to do about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Another case shows as much.
    Leave,
    /// It is to be pursued; what is found must be closed.
    Pursue {
        /// What is known of its kind.
        known: Vec<Skeleton>,
        /// It is shrunk even if it cannot be told from what is known.
        is_thorough: bool,
    },
}

impl Register {
    /// A campaign that has found nothing. If it does not shrink, one finding a kind
    /// is all that it can tell.
    pub fn new(shrinks: bool) -> Self {
        Register {
            kinds: BTreeMap::new(),
            shrinks,
        }
    }

    /// Whether a case of a kind is to be pursued; `script` is the skeleton of what
    /// it ran.
    pub fn claim(&mut self, signature: &str, script: impl FnOnce() -> Skeleton) -> Claim {
        let kind = self.kinds.entry(signature.to_string()).or_default();
        kind.cases += 1;
        let is_enough = kind.findings > 0 && !self.shrinks;
        if kind.is_open || is_enough || kind.pursuits >= MOST_PURSUITS {
            return Claim::Leave;
        }
        let is_thorough = kind.findings == 0 || kind.cases.is_power_of_two();
        let may_be_other = |known: &[Skeleton]| {
            let script = script();
            !known.iter().any(|known| script.contains(known))
        };
        let can_be_told =
            !kind.known.is_empty() && (kind.cases <= FIRST_CASES || may_be_other(&kind.known));
        if !is_thorough && !can_be_told {
            return Claim::Leave;
        }
        kind.is_open = true;
        kind.pursuits += 1;
        Claim::Pursue {
            known: kind.known.clone(),
            is_thorough,
        }
    }

    /// Closes a pursuit that found this, if anything. True if it is to be told: a
    /// new bug, or the first of its kind.
    pub fn close(&mut self, signature: &str, found: Option<Caught>) -> bool {
        let kind = self.kinds.entry(signature.to_string()).or_default();
        kind.is_open = false;
        let Some(found) = found else {
            return false;
        };
        let Caught {
            skeleton,
            is_minimal,
        } = found;
        let likeness = |known| skeleton.likeness(known);
        let is_like = |wanted| kind.known.iter().map(likeness).any(|known| known == wanted);
        let is_known = is_like(Likeness::Same);
        let is_larger = !is_known && is_like(Likeness::Larger);
        let is_new = match is_minimal {
            true => !is_known && (!is_larger || kind.larger < MOST_LARGER),
            false => kind.findings == 0,
        };
        if is_new && is_minimal {
            kind.larger += usize::from(is_larger);
            kind.known.push(skeleton);
        }
        kind.findings += usize::from(is_new);
        is_new
    }

    /// Whether a case of this kind was seen.
    pub fn has_seen(&self, signature: &str) -> bool {
        self.kinds.contains_key(signature)
    }

    /// How many bugs are known, or are being looked at for the first time.
    pub fn len(&self) -> usize {
        let kinds = self.kinds.values();
        kinds
            .map(|kind| kind.findings + usize::from(kind.is_open && kind.findings == 0))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repr::GlobalId;
    use crate::script::{Command, Selection};

    fn skeleton(command: Command) -> Skeleton {
        Skeleton::of(&[command])
    }

    fn minimal(skeleton: &Skeleton) -> Option<Caught> {
        Some(Caught {
            skeleton: skeleton.clone(),
            is_minimal: true,
        })
    }

    #[test]
    fn what_could_not_be_shrunk_is_told_once_a_kind() {
        let mut register = Register::new(true);
        let unshrunk = |command| {
            Some(Caught {
                skeleton: skeleton(command),
                is_minimal: false,
            })
        };
        register.claim("I-13/a", Skeleton::default);
        assert!(register.close("I-13/a", unshrunk(Command::Reconnect)));
        let mut pursued = Vec::new();
        for case in 2..=20 {
            if register.claim("I-13/a", Skeleton::default) != Claim::Leave {
                pursued.push(case);
                assert!(!register.close("I-13/a", unshrunk(Command::Restart)));
            }
        }
        assert_eq!(pursued, [2, 4, 8, 16]);
        assert_eq!(register.len(), 1);
        let mut register = Register::new(false);
        register.claim("I-13/a", Skeleton::default);
        assert!(register.close("I-13/a", unshrunk(Command::Reconnect)));
        assert_eq!(register.claim("I-13/a", Skeleton::default), Claim::Leave);
    }

    #[test]
    fn the_first_case_of_a_kind_is_pursued_and_not_two_at_a_time() {
        let mut register = Register::new(true);
        let first = Claim::Pursue {
            known: Vec::new(),
            is_thorough: true,
        };
        assert_eq!(register.claim("I-01/a", Skeleton::default), first);
        assert_eq!(register.claim("I-01/a", Skeleton::default), Claim::Leave);
        assert_eq!(register.claim("I-02/b", Skeleton::default), first);
    }

    #[test]
    fn what_cannot_be_the_known_bug_is_pursued_and_the_rest_now_and_then() {
        let mut register = Register::new(true);
        let known = skeleton(Command::Reconnect);
        register.claim("I-01/a", Skeleton::default);
        assert!(register.close("I-01/a", minimal(&known)));
        let (mut pursued, mut thorough) = (Vec::new(), Vec::new());
        for case in 2..=70 {
            let claim = register.claim("I-01/a", || known.clone());
            if let Claim::Pursue { is_thorough, .. } = claim {
                pursued.push(case);
                thorough.extend(is_thorough.then_some(case));
                assert!(!register.close("I-01/a", minimal(&known)));
            }
        }
        assert_eq!(pursued, Vec::from_iter((2..=16).chain([32, 64])));
        assert_eq!(thorough, [2, 4, 8, 16, 32, 64]);
        let other = skeleton(Command::Restart);
        let claim = register.claim("I-01/a", || other.clone());
        let expected = Claim::Pursue {
            known: vec![known],
            is_thorough: false,
        };
        assert_eq!(claim, expected);
        assert!(register.close("I-01/a", minimal(&other)));
        assert_eq!(register.len(), 2);
    }

    #[test]
    fn what_holds_more_than_a_known_finding_is_told_a_few_times() {
        let mut register = Register::new(true);
        let of = |verbs: &[Command]| minimal(&Skeleton::of(verbs));
        let drawn = [
            Command::Restart,
            Command::CancelPeek { peek: "p".into() },
            Command::StartPeek {
                peek: "p".into(),
                id: GlobalId::User(1),
                schema: None,
                ts: 0,
                selection: Selection::default(),
            },
        ];
        register.claim("I-01/a", Skeleton::default);
        assert!(register.close("I-01/a", of(&[Command::Reconnect])));
        let mut told = 0;
        for beside in 1..8 {
            let beside = (0..3).filter(|bit| beside & (1 << bit) != 0);
            let beside = beside.map(|bit: usize| drawn[bit].clone());
            let commands: Vec<Command> = beside.chain([Command::Reconnect]).collect();
            register.claim("I-01/a", Skeleton::default);
            told += usize::from(register.close("I-01/a", of(&commands)));
        }
        assert_eq!(told, MOST_LARGER);
    }

    #[test]
    fn a_kind_has_a_budget() {
        let mut register = Register::new(true);
        let claims = (0..1_000).filter(|_| {
            let claim = register.claim("I-01/a", || skeleton(Command::Restart));
            register.close("I-01/a", minimal(&skeleton(Command::Reconnect)));
            claim != Claim::Leave
        });
        assert_eq!(claims.count() as u64, MOST_PURSUITS);
    }
}
