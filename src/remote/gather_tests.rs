use bytes::Bytes;

use super::gather::{Gathering, Step};
use super::topics::{CHUNK, Offer, Topic, Topics};

fn bundle(chunks: usize) -> (Bytes, Offer) {
    let bytes: Vec<u8> = (0..CHUNK * chunks - 100).map(|n| (n / 7) as u8).collect();
    let offer = Offer::of(&bytes, 1);
    (bytes.into(), offer)
}

fn chunk(bytes: &Bytes, n: usize) -> Bytes {
    bytes.slice(n * CHUNK..((n + 1) * CHUNK).min(bytes.len()))
}

#[test]
fn chunks_are_asked_for_a_few_at_a_time_and_may_come_in_any_order() {
    let (bytes, offer) = bundle(10);
    let mut gathering = Gathering::new(offer);
    let mut asked: Vec<usize> = gathering.ask().collect();
    assert_eq!(asked, [0, 1, 2, 3]);
    let mut most = 0;
    loop {
        // Always the last of those that were asked for, and each twice.
        let n = asked.pop().unwrap();
        let step = gathering.take(n, &chunk(&bytes, n));
        if let Step::Whole(whole) = step {
            assert_eq!(whole, bytes);
            break;
        }
        assert_eq!(step, Step::More);
        assert_eq!(gathering.take(n, &chunk(&bytes, n)), Step::More);
        asked.extend(gathering.ask());
        most = most.max(asked.len());
        let mut sorted = asked.clone();
        sorted.sort_unstable();
        assert_eq!(gathering.missing(), sorted);
    }
    assert!(most <= 4, "{most}");
}

#[test]
fn what_is_missing_altered_or_cut_off_is_noticed() {
    let (bytes, offer) = bundle(2);
    let gathering = || {
        let mut gathering = Gathering::new(offer.clone());
        assert_eq!(gathering.ask(), 0..2);
        gathering
    };
    let wrong = |step: Step| match step {
        Step::Wrong(why) => why,
        other => panic!("{other:?}"),
    };
    let mut missing = gathering();
    assert_eq!(missing.take(1, &chunk(&bytes, 1)), Step::More);
    assert_eq!((missing.missing(), missing.progress()), (vec![0], "1/2".to_string()));
    let mut altered = gathering();
    let mut first = chunk(&bytes, 0).to_vec();
    first[7] ^= 1;
    altered.take(0, &first.into());
    assert!(wrong(altered.take(1, &chunk(&bytes, 1))).contains("altered"));
    let mut cut = gathering();
    cut.take(0, &chunk(&bytes, 0).slice(..1_000));
    assert!(wrong(cut.take(1, &chunk(&bytes, 1))).contains("cut off"));
    let mut longer = gathering();
    longer.take(0, &chunk(&bytes, 0));
    assert!(wrong(longer.take(1, &chunk(&bytes, 0))).contains("more bytes than"));
    // What nobody asked for is not kept.
    let (bytes, offer) = bundle(9);
    let mut few = Gathering::new(offer);
    few.ask();
    assert_eq!(few.take(8, &chunk(&bytes, 8)), Step::More);
    assert_eq!(few.progress(), "0/9");
}

#[test]
fn an_offer_is_not_believed_beyond_its_bounds() {
    let (_, offer) = bundle(2);
    assert_eq!(Offer::read(&offer.to_json()), Ok(offer.clone()));
    let refused = |offer: Offer| Offer::read(&offer.to_json()).unwrap_err();
    assert!(refused(Offer { size: 1 << 40, ..offer.clone() }).contains("too large"));
    assert!(refused(Offer { chunks: 1 << 40, ..offer.clone() }).contains("chunks"));
    assert!(refused(Offer { chunks: 0, ..offer.clone() }).contains("in 0 chunks"));
    assert!(refused(Offer { id: "../../etc".to_string(), ..offer.clone() }).contains("SHA-256"));
    assert!(refused(Offer { sha256: "ä".repeat(32), ..offer.clone() }).contains("SHA-256"));
    assert!(Offer::read(&vec![b' '; 1 << 20]).unwrap_err().contains("at most"));
    assert!(Offer::read(b"{").is_err());
}

#[test]
fn topics_are_read_as_they_are_written() {
    let topics = Topics::new("fleets/north/");
    for topic in [topics.offer("a"), topics.status("a"), topics.about("b"), topics.chunk("b", 7)] {
        assert!(topic.starts_with("fleets/north/") && topics.read(&topic).is_some(), "{topic}");
    }
    assert_eq!(topics.read("fleets/north/bundles/b/7"), Some(Topic::Chunk("b", 7)));
    for other in [
        "fleets/north/gateways/a",
        "fleets/northern/gateways/a/offer",
        "fleets/north/bundles/b/7/8",
        "fleets/north/bundles/b/x",
    ] {
        assert_eq!(topics.read(other), None, "{other}");
    }
}
