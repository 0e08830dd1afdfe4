//! Where a reader of a log begins, as a form says it.

use crate::date;
use crate::error::NodeError;
use crate::host::From;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    At(From),
    /// So many milliseconds before it opens.
    Ago(i64),
}

impl Start {
    pub fn parse(start: &str, sequence: usize, time: &str) -> Result<Start, NodeError> {
        match start {
            "" | "start" => Ok(Start::At(From::Start)),
            "end" => Ok(Start::At(From::End)),
            "sequence" => Ok(Start::At(From::Sequence(sequence.max(1) as u64))),
            "time" => parse_time(time.trim()),
            other => {
                let text = format!("unknown choice \"{other}\": use start, end, sequence or time");
                Err(NodeError::config("/start", text))
            }
        }
    }

    pub fn from(self, wall_ms: i64) -> From {
        match self {
            Start::At(from) => from,
            Start::Ago(ms) => From::Time(wall_ms.saturating_sub(ms)),
        }
    }
}

fn parse_time(text: &str) -> Result<Start, NodeError> {
    if let Some(ms) = date::parse_span(text) {
        return Ok(Start::Ago(ms));
    }
    // Without a time zone it is meant where the gateway stands.
    date::parse(text).map(|wall_ms| Start::At(From::Time(wall_ms))).ok_or_else(|| {
        let hint = "write 2026-05-01T06:00:00Z, or 2h for two hours ago (s, m, h, d, w)";
        NodeError::config("/time", format!("\"{text}\" is no time: {hint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_so_long_ago() {
        let time = |text: &str| Start::parse("time", 0, text).map(|start| start.from(1_000_000_000));
        assert_eq!(time("2026-05-01T06:00:00Z").unwrap(), From::Time(1_777_615_200_000));
        assert_eq!(time("2026-05-01T08:00:00+02:00").unwrap(), From::Time(1_777_615_200_000));
        assert_eq!(time(" 90s").unwrap(), From::Time(999_910_000));
        assert_eq!(time("1h30m").unwrap(), From::Time(994_600_000));
        assert!(matches!(time("2026-05-01"), Ok(From::Time(_))));
        for wrong in ["", "h", "yesterday", "-2h", "2y", "NaNh"] {
            let refused = time(wrong);
            assert!(
                matches!(&refused, Err(NodeError::Config { pointer, .. }) if pointer == "/time"),
                "{wrong}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_start_is_one_of_four() {
        assert_eq!(Start::parse("", 0, "").unwrap(), Start::At(From::Start));
        assert_eq!(Start::parse("end", 0, "").unwrap(), Start::At(From::End));
        assert_eq!(Start::parse("sequence", 17, "").unwrap(), Start::At(From::Sequence(17)));
        assert!(Start::parse("middle", 0, "").is_err());
    }
}
