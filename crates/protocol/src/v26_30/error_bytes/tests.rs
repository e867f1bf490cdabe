//! Errors keep their identity and their texts.

use super::*;
use crate::v26_30::{
    DomainLimit, EvalError, InvalidArrayError, InvalidRangeError, ParseError, ParseErrorKind,
    ParseHexError,
};

fn samples() -> Vec<EvalError> {
    let s = || "text".to_string();
    vec![
        EvalError::CharacterNotValidForEncoding(-3),
        EvalError::DivisionByZero,
        EvalError::Unsupported {
            feature: s(),
            discussion_no: Some(7),
        },
        EvalError::Int64OutOfRange(String::new()),
        EvalError::IndexOutOfRange {
            provided: -1,
            valid_end: 0,
        },
        EvalError::InvalidBase64Symbol('ß'),
        EvalError::InvalidLayer {
            max_layer: 3,
            val: -9,
        },
        EvalError::InvalidArray(InvalidArrayError::WrongCardinality {
            actual: 0,
            expected: 4,
        }),
        EvalError::InvalidByteSequence {
            byte_sequence: s(),
            encoding_name: s(),
        },
        EvalError::Parse(ParseError {
            kind: ParseErrorKind::InvalidInputSyntax,
            type_name: s(),
            input: String::new(),
            details: Some(s()),
        }),
        EvalError::ParseHex(ParseHexError::OddLength),
        EvalError::Internal(s()),
        EvalError::OutOfDomain(DomainLimit::Inclusive(-1), DomainLimit::None, s()),
        EvalError::StringValueTooLong {
            target_type: s(),
            length: 3,
        },
        EvalError::IncompatibleArrayDimensions { dims: Some((1, 0)) },
        EvalError::InvalidRange(InvalidRangeError::NullRangeBoundFlags),
        EvalError::MustNotBeNull(s()),
        EvalError::InvalidIdentifier {
            ident: s(),
            detail: None,
        },
        EvalError::MaxArraySizeExceeded(9),
        EvalError::DateDiffOverflow {
            unit: s(),
            a: s(),
            b: s(),
        },
        EvalError::NegLimit,
    ]
}

#[test]
fn what_is_encoded_reads_back_equal() {
    for error in samples() {
        let encoded = encode_eval_error(&error);
        let fields = proto::read(&encoded).unwrap();
        let inner = proto::find(&fields, 2).unwrap().bytes().unwrap();
        assert_eq!(decode::eval_error(inner), Some(error.clone()));
        let text = dataflow_error_text(&encoded);
        assert_eq!(text, Some(format!("Evaluation error: {error}")));
    }
}

#[test]
fn division_by_zero_has_the_bytes_of_the_field() {
    let encoded = encode_eval_error(&EvalError::DivisionByZero);
    assert_eq!(encoded, [0x12, 0x02, 0x22, 0x00]);
}

#[test]
fn an_error_of_ifnull_has_no_prefix_and_bad_bytes_no_text() {
    let error = encode_eval_error(&EvalError::IfNullError("mine".into()));
    assert_eq!(dataflow_error_text(&error).as_deref(), Some("mine"));
    let broken: [&[u8]; 4] = [&[], &[0xff; 12], &[0x12, 0x7f], &[0x12, 0x02, 0x22]];
    for bytes in broken {
        assert_eq!(dataflow_error_text(bytes), None);
    }
}
