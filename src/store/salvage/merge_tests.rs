use super::*;
use std::convert::Infallible;

fn candidate(first: u64, last: u64, rank: u8) -> Candidate {
    Candidate { first, last, rank, image: Image { page: 2, frame: 0 }, at: 0 }
}

/// What is kept: from, to, and the rank of the block that it is of.
fn merged(of: &[(u64, u64, u8)]) -> Vec<(u64, u64, u8)> {
    let mut from = of.iter().map(|&(first, last, rank)| candidate(first, last, rank));
    let mut merge = Merge::default();
    let mut pieces = Vec::new();
    while let Some(piece) = merge.next(|| Ok::<_, Infallible>(from.next())).unwrap() {
        pieces.push((piece.from, piece.to, piece.of.rank));
    }
    pieces
}

#[test]
fn blocks_side_by_side_are_kept_as_they_are() {
    assert_eq!(merged(&[]), []);
    assert_eq!(merged(&[(1, 5, 0), (6, 9, 2), (20, 30, 1)]), [(1, 5, 0), (6, 9, 2), (20, 30, 1)]);
}

#[test]
fn of_two_blocks_the_one_that_reaches_farther_is_kept() {
    assert_eq!(merged(&[(1, 5, 0), (1, 9, 0)]), [(1, 9, 0)]);
    assert_eq!(merged(&[(1, 10, 0), (5, 20, 0)]), [(1, 4, 0), (5, 20, 0)]);
    assert_eq!(merged(&[(1, 10, 0), (5, 8, 0), (9, 10, 0)]), [(1, 10, 0)]);
}

#[test]
fn what_sqlite_would_read_comes_before_what_may_have_been_dropped() {
    assert_eq!(merged(&[(1, 10, 2), (4, 6, 0)]), [(1, 3, 2), (4, 6, 0), (7, 10, 2)]);
    assert_eq!(merged(&[(1, 10, 0), (5, 15, 2)]), [(1, 10, 0), (11, 15, 2)]);
}

#[test]
fn many_that_overlap_do_not_make_it_grow() {
    let many: Vec<_> = (1..5_000).map(|n| (n, 100_000, 2)).collect();
    assert_eq!(merged(&many).last().unwrap().1, 100_000);
}
