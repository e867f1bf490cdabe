//! What merging promises, on small streams. Source: `spec/replica.md` §2.4,
//! §6.3.

use std::num::NonZeroUsize;

use super::*;
use crate::v26_30::{
    ComputeParameters, FrontiersResponse, OpenTelemetryContext, PeekResponse, RowCollection,
    StatusResponse, SubscribeBatch, SubscribeResponse, UpdateCollection,
};
use repr::{Antichain, Datum, Row, Timestamp};

const ID: GlobalId = GlobalId::User(1);

fn at(t: Timestamp) -> Antichain {
    Antichain::from_elem(t)
}

fn frontiers(
    write: Option<Antichain>,
    input: Option<Antichain>,
    output: Option<Antichain>,
) -> ComputeResponse {
    ComputeResponse::Frontiers(
        ID,
        FrontiersResponse {
            write_frontier: write,
            input_frontier: input,
            output_frontier: output,
        },
    )
}

fn rows(values: &[i64]) -> PeekResponse {
    let one = NonZeroUsize::MIN;
    let rows: Vec<_> = values
        .iter()
        .map(|v| (Row::pack([Datum::Int64(*v)]), one))
        .collect();
    PeekResponse::Rows(vec![RowCollection::from_rows(&rows)])
}

fn answer(response: PeekResponse) -> ComputeResponse {
    ComputeResponse::PeekResponse(Uuid::nil(), response, OpenTelemetryContext::default())
}

fn batch(
    lower: Antichain,
    upper: Antichain,
    updates: Result<&[(i64, Timestamp)], &str>,
) -> ComputeResponse {
    let updates = updates.map_err(str::to_string).map(|updates| {
        let updates: Vec<_> = updates
            .iter()
            .map(|(v, t)| (Row::pack([Datum::Int64(*v)]), *t, 1))
            .collect();
        vec![UpdateCollection::from_updates(&updates)]
    });
    ComputeResponse::SubscribeResponse(
        ID,
        SubscribeResponse::Batch(SubscribeBatch {
            lower,
            upper,
            updates,
        }),
    )
}

#[test]
fn a_frontier_comes_out_when_the_last_part_has_passed_it() {
    let mut m = Merger::new(2);
    assert!(m.absorb(0, frontiers(Some(at(0)), None, None)).is_empty());
    assert!(
        m.absorb(0, frontiers(Some(at(5)), Some(at(4)), None))
            .is_empty()
    );
    assert_eq!(
        m.absorb(1, frontiers(Some(at(3)), None, Some(at(9)))),
        vec![frontiers(Some(at(3)), None, None)]
    );
    // A part that goes back is not believed.
    assert!(m.absorb(1, frontiers(Some(at(2)), None, None)).is_empty());
    assert_eq!(
        m.absorb(1, frontiers(Some(Antichain::empty()), Some(at(4)), None)),
        vec![frontiers(Some(at(5)), Some(at(4)), None)]
    );
}

#[test]
fn a_collection_whose_frontiers_are_all_empty_is_forgotten() {
    let mut m = Merger::new(1);
    let done = || Some(Antichain::empty());
    assert_eq!(m.absorb(0, frontiers(done(), done(), done())).len(), 1);
    // The same id, created anew.
    assert_eq!(m.absorb(0, frontiers(Some(at(7)), None, None)).len(), 1);
}

#[test]
fn answers_concatenate_behind_an_empty_collection() {
    let mut m = Merger::new(2);
    assert!(m.absorb(1, answer(rows(&[1]))).is_empty());
    let merged = m.absorb(0, answer(rows(&[2, 3])));
    let [ComputeResponse::PeekResponse(_, PeekResponse::Rows(collections), _)] = &merged[..] else {
        panic!("{merged:?}");
    };
    let sizes: Vec<_> = collections.iter().map(|c| c.diffs.len()).collect();
    assert_eq!(sizes, [0, 1, 2]);
}

#[test]
fn canceled_goes_before_error_before_rows_and_the_first_error_wins() {
    let error = |text: &str| PeekResponse::Error(text.to_string());
    for (answers, expected) in [
        (vec![rows(&[1]), error("a"), error("b")], error("a")),
        (
            vec![error("a"), PeekResponse::Canceled, rows(&[])],
            PeekResponse::Canceled,
        ),
    ] {
        let mut m = Merger::new(3);
        let mut out = Vec::new();
        for (part, response) in answers.into_iter().enumerate() {
            out.extend(m.absorb(part, answer(response)));
        }
        assert_eq!(out, vec![answer(expected)]);
    }
}

#[test]
fn a_second_answer_of_a_part_is_handed_out_as_it_came() {
    let mut m = Merger::new(2);
    assert!(m.absorb(0, answer(rows(&[1]))).is_empty());
    assert_eq!(m.absorb(0, answer(rows(&[2]))), vec![answer(rows(&[2]))]);
    assert_eq!(m.absorb(1, answer(rows(&[]))).len(), 1);
}

#[test]
fn a_result_beyond_the_configured_size_is_an_error() {
    let mut m = Merger::new(2);
    m.observe(&ComputeCommand::UpdateConfiguration(Box::new(
        ComputeParameters {
            max_result_size: Some(20),
            ..ComputeParameters::default()
        },
    )));
    assert!(m.absorb(0, answer(rows(&[1]))).is_empty());
    assert_eq!(
        m.absorb(1, answer(rows(&[2]))),
        vec![answer(PeekResponse::Error(
            "total result exceeds max size of 20 B".into()
        ))]
    );
}

#[test]
fn subscribe_batches_are_cut_where_the_slowest_part_stands() {
    let mut m = Merger::new(2);
    assert!(
        m.absorb(0, batch(at(0), at(5), Ok(&[(1, 1), (2, 4)])))
            .is_empty()
    );
    assert_eq!(
        m.absorb(1, batch(at(0), at(3), Ok(&[]))),
        vec![batch(at(0), at(3), Ok(&[(1, 1)]))]
    );
    assert_eq!(
        m.absorb(1, batch(at(3), at(5), Ok(&[(3, 3)]))).len(),
        1,
        "two pieces: one of each part"
    );
    assert!(m.absorb(0, batch(at(5), at(6), Err("bad"))).is_empty());
    assert_eq!(
        m.absorb(1, batch(at(5), at(6), Ok(&[(9, 5)]))),
        vec![batch(at(5), at(6), Err("bad"))]
    );
}

#[test]
fn the_first_drop_ends_a_subscribe() {
    let dropped = |t| ComputeResponse::SubscribeResponse(ID, SubscribeResponse::DroppedAt(at(t)));
    let mut m = Merger::new(2);
    assert!(m.absorb(0, batch(at(0), at(5), Ok(&[]))).is_empty());
    assert_eq!(m.absorb(0, dropped(5)), vec![dropped(5)]);
    assert!(m.absorb(1, batch(at(0), at(9), Ok(&[]))).is_empty());
    assert!(m.absorb(1, dropped(9)).is_empty());
}

#[test]
fn a_status_passes_through() {
    let status = || ComputeResponse::Status(StatusResponse::Placeholder);
    assert_eq!(Merger::new(2).absorb(1, status()), vec![status()]);
}
