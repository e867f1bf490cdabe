//! The members of `ProtoEvalError` that hold nothing or a string, by field number.
//! Source: `spec/plan.md` §4.10.
//!
//! Invariant: written once, for both directions; what has more structure is
//! spelled out in `encode.rs` and `decode.rs`.

/// Calls the macro `$with` with the members: those that are `empty`, those that
/// are a `text`, and those that are a `message` whose field 1 is a string.
macro_rules! members {
    ($with:ident) => {
        $with! {
            empty {
                4 DivisionByZero, 6 FloatOverflow, 7 FloatUnderflow, 8 NumericFieldOverflow,
                16 TimestampOutOfRange, 17 CharOutOfRange, 18 InvalidBase64Equals,
                20 InvalidBase64EndSequence, 22 InvalidTimezoneInterval,
                23 InvalidTimezoneConversion, 33 NegSqrt, 34 NullCharacterNotPermitted,
                37 UnterminatedLikeEscapeSequence, 46 MultipleRowsFromSubquery,
                48 LikePatternTooLong, 49 LikeEscapeTooLong,
                51 MultidimensionalArrayRemovalNotSupported, 58 DateOutOfRange,
                60 MzTimestampStepOverflow, 61 TimestampCannotBeNan,
                66 MultiDimensionalArraySearch, 69 ArrayFillWrongArraySubscripts,
                74 LengthTooLarge, 75 AclArrayNullElement, 76 MzAclArrayNullElement, 79 NegLimit,
                80 KeyCannotBeNull, 83 NegativeRowsFromSubquery,
            }
            text {
                3 DateBinOutOfRange, 21 InvalidTimezone, 26 InvalidEncodingName,
                27 InvalidHashAlgorithm, 30 InvalidRegex, 32 InvalidParameterValue,
                35 UnknownUnits, 40 Internal, 41 InfinityOutOfDomain, 42 NegativeOutOfDomain,
                43 ZeroOutOfDomain, 45 ComplexOutOfRange, 47 Undefined, 53 TypeFromOid,
                63 InvalidRoleId, 64 InvalidPrivileges, 65 LetRecLimitExceeded, 67 MustNotBeNull,
                71 InvalidDatePart, 73 IfNullError, 77 InvalidIanaTimezoneId, 78 PrettyError,
                81 InvalidCatalogJson, 82 RedactError,
            }
            message {
                9 Float32OutOfRange, 10 Float64OutOfRange, 11 Int16OutOfRange, 12 Int32OutOfRange,
                13 Int64OutOfRange, 14 OidOutOfRange, 15 IntervalOutOfRange, 55 UInt16OutOfRange,
                56 UInt32OutOfRange, 57 UInt64OutOfRange, 59 MzTimestampOutOfRange,
            }
        }
    };
}
pub(super) use members;
