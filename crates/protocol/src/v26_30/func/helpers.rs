//! Parameters of functions, in wire order. Source: `spec/plan.md` §4.3.
//!
//! Invariant: texts (patterns, zones, local times) are kept as they came; what
//! they mean is the evaluator's business.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DateTimeUnits {
    Epoch,
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Week,
    Month,
    Hour,
    Day,
    DayOfWeek,
    DayOfYear,
    IsoDayOfWeek,
    IsoDayOfYear,
    Minute,
    Second,
    Milliseconds,
    Microseconds,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timezone {
    /// Seconds east of UTC.
    FixedOffset(i32),
    /// An IANA name.
    Tz(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Regex {
    pub pattern: String,
    pub case_insensitive: bool,
    pub dot_matches_new_line: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Matcher {
    pub pattern: String,
    pub case_insensitive: bool,
    pub matcher_impl: MatcherImpl,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MatcherImpl {
    String(Vec<Subpattern>),
    Regex(Regex),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subpattern {
    pub consume: usize,
    pub many: bool,
    pub suffix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DateTimeFormatNode {
    Field {
        field: DateTimeField,
        fill: bool,
        ordinal: OrdinalMode,
    },
    Literal(char),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrdinalMode {
    None,
    Lower,
    Upper,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DateTimeField {
    Hour12,
    Hour24,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    SecondsPastMidnight,
    Meridiem { dots: bool, caps: bool },
    Year1,
    Year2,
    Year3,
    Year4 { separator: bool },
    IsoYear1,
    IsoYear2,
    IsoYear3,
    IsoYear4,
    Era { dots: bool, caps: bool },
    MonthName { abbrev: bool, caps: WordCaps },
    MonthOfYear,
    DayName { abbrev: bool, caps: WordCaps },
    DayOfWeek,
    IsoDayOfWeek,
    DayOfMonth,
    DayOfYear,
    IsoDayOfYear,
    WeekOfMonth,
    WeekOfYear,
    IsoWeekOfYear,
    Century,
    JulianDay,
    Quarter,
    MonthInRomanNumerals { caps: bool },
    Timezone { caps: bool },
    TimezoneHours,
    TimezoneMinutes,
    TimezoneOffset,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WordCaps {
    AllCaps,
    FirstCaps,
    NoCaps,
}
