use super::*;

fn record(n: u64) -> Record {
    Record {
        value: [("topic", Value::from("site/7")), ("payload", Value::from(n as i64))].into_iter().collect(),
        wall_ms: 1_760_000_000_000 + n as i64,
        ran_ms: n,
        event_ms: n.is_multiple_of(2).then_some(5),
        source: Str::new("in"),
        key: n.is_multiple_of(3).then(|| Str::new("site/7")),
        about: Object::new(),
    }
}

fn blocks(count: u64) -> Vec<(Head, Vec<u8>)> {
    let mut blocks = Blocks::new(3, 10);
    for n in 0..count {
        assert_eq!(blocks.push(&record(n)), 10 + n);
    }
    blocks.finish();
    blocks.finished
}

#[test]
fn records_come_back_with_their_sequences() {
    let blocks = blocks(1_000);
    assert!(blocks.len() > 5, "a block is about a page, and these are more");
    let mut next = 10;
    for (head, block) in &blocks {
        let (opened, records) = open(block).unwrap();
        assert_eq!(opened, *head);
        assert_eq!(head.first, next);
        for (sequence, back) in records {
            assert_eq!(sequence, next);
            assert_eq!(back, record(next - 10));
            next += 1;
        }
    }
    assert_eq!(next, 1_010);
}

#[test]
fn a_flipped_bit_anywhere_is_seen() {
    let block = &blocks(20)[0].1;
    for at in 0..block.len() * 8 {
        let mut damaged = block.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        assert!(open(&damaged).is_err(), "bit {at}");
    }
    for len in 0..block.len() {
        assert!(open(&block[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn a_lying_block_with_a_right_checksum_takes_no_memory_and_does_not_panic() {
    let head = Head { log: 1, first: 1, span: 8, count: 9 };
    let mut lying = seal(&head, &[0xff; 4]);
    lying[HEADER - 1] = COMPRESSED;
    let crc = crc32c::crc32c(&lying[8..]).to_le_bytes();
    lying[4..8].copy_from_slice(&crc);
    assert!(matches!(open(&lying), Err(BlockError::Body(_))));
    assert!(matches!(
        open(&seal(&head, &[9, 0, 0, 0, 1, 0, 0, 0])),
        Err(BlockError::Record(PackError::CutOff))
    ));
    assert!(matches!(check(&seal(&Head { count: 0, ..head }, &[])), Err(BlockError::NoBlock)));
}

#[test]
fn telemetry_is_stored_in_a_fraction_of_its_size() {
    let (raw, stored) = blocks(1_000).iter().fold((0, 0), |(raw, stored), (head, block)| {
        (raw + usize::from(head.count) * record(500).weight(), stored + block.len())
    });
    assert!(stored * 3 < raw, "{stored} bytes for {raw}");
}

#[test]
fn sequences_may_have_gaps() {
    let mut blocks = Blocks::new(1, 1);
    let sequences = [5, 6, 1_000, 1 << 40, (1 << 40) + 3];
    for sequence in sequences {
        blocks.push_at(sequence, &record(sequence));
    }
    assert_eq!(blocks.push(&record(1)), (1 << 40) + 4);
    blocks.finish();
    assert_eq!(blocks.finished.len(), 2, "the distance did not fit");
    let back: Vec<u64> =
        blocks.finished.iter().flat_map(|(_, block)| open(block).unwrap().1).map(|(n, _)| n).collect();
    assert_eq!(back, [5, 6, 1_000, 1 << 40, (1 << 40) + 3, (1 << 40) + 4]);
    assert_eq!(blocks.finished[0].0.last(), 1_000);
}
