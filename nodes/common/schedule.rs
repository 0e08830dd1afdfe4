//! Cron expressions as inject reads them, on the engine's wall clock.

use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The wall clock may jump: it is looked at this often, so that a board that learns the time late is on time.
const LOOK_MS: i64 = 60_000;

/// A schedule and the time at which it comes due next.
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    due: Option<i64>,
    last: Option<i64>,
}

impl Schedule {
    /// Parses an expression of 5 fields, 6 with seconds in front, 7 with a year behind.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        Schedule::in_zone(text, TimeZone::system())
    }

    fn in_zone(text: &str, zone: TimeZone) -> Result<Schedule, String> {
        let text = without_wraps(text);
        let parser = CronParser::builder().sloppy_ranges(true).build();
        let cron = parser.parse(&text).map_err(|error| error.to_string())?;
        Ok(Schedule { cron, zone, due: None, last: None })
    }

    /// Whether it is due. Not when the clock has jumped over the time by more than a minute.
    pub fn is_due(&mut self, now_ms: i64) -> bool {
        match self.due {
            Some(due) if now_ms >= due => {
                self.last = Some(due);
                now_ms - due < LOOK_MS
            }
            _ => false,
        }
    }

    /// How long to wait until [`is_due`](Schedule::is_due) is asked. `None` when there is no time left in it.
    pub fn wait(&mut self, now_ms: i64) -> Option<Duration> {
        // A clock that was put back a little must not make it come due twice.
        let from = self.last.filter(|last| (1..LOOK_MS).contains(&(last - now_ms))).unwrap_or(now_ms);
        let due = self.next_after(from)?;
        self.due = Some(due);
        Some(Duration::from_millis((due - now_ms).clamp(1, LOOK_MS) as u64))
    }

    fn next_after(&self, from_ms: i64) -> Option<i64> {
        let from: Zoned = Timestamp::from_millisecond(from_ms).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Writes ranges over the end of a cycle (`22-2`, `Fri-Mon/2`), which Node-RED reads, as lists.
fn without_wraps(text: &str) -> String {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let first = match fields.len() {
        5 => 1,
        6 | 7 => 0,
        _ => return text.to_string(),
    };
    let rewritten: Vec<String> = fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            // Days of the month and years are no cycles.
            let cycle = match at + first {
                0 | 1 => Cycle { low: 0, size: 60, names: &[] },
                2 => Cycle { low: 0, size: 24, names: &[] },
                4 => Cycle { low: 1, size: 12, names: MONTHS },
                5 => Cycle { low: 0, size: 7, names: DAYS },
                _ => return field.to_string(),
            };
            let items: Vec<String> =
                field.split(',').map(|item| cycle.list(item).unwrap_or_else(|| item.to_string())).collect();
            items.join(",")
        })
        .collect();
    rewritten.join(" ")
}

struct Cycle {
    low: u32,
    size: u32,
    names: &'static [&'static str],
}

impl Cycle {
    /// The values of a range that goes over the end; nothing for any other item.
    fn list(&self, item: &str) -> Option<String> {
        let split =
            item.find(['#', 'L', 'l']).filter(|at| !item[*at..].starts_with("l-")).unwrap_or(item.len());
        let (item, suffix) = item.split_at(split);
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (item, 1),
        };
        let (from, to) = range.split_once('-')?;
        let (from, to) = (self.number(from)?, self.number(to)?);
        if from <= to {
            return None;
        }
        let mut values = Vec::new();
        let mut at = from;
        while at <= to + self.size {
            let value = (at - self.low) % self.size + self.low;
            values.push(format!("{value}{suffix}"));
            at += step;
        }
        Some(values.join(","))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => at as u32 + self.low,
            None => text.parse().ok()?,
        };
        // 7 is Sunday too.
        (self.low..=self.low + self.size).contains(&number).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str, from: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get("Europe/London").unwrap();
        let schedule = Schedule::in_zone(text, zone.clone()).unwrap();
        let from: jiff::civil::DateTime = from.parse().unwrap();
        let mut at = from.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
        let mut found = Vec::new();
        for _ in 0..count {
            at = schedule.next_after(at).unwrap();
            let zoned = Timestamp::from_millisecond(at).unwrap().to_zoned(zone.clone());
            found.push(zoned.strftime("%a %d %H:%M:%S").to_string());
        }
        found
    }

    #[test]
    fn five_six_and_stepped_fields() {
        assert_eq!(times("* * * * * *", "2025-01-01T10:00:00.5", 2), ["Wed 01 10:00:01", "Wed 01 10:00:02"]);
        assert_eq!(times("*/5 8-9 * * *", "2025-01-01T09:52", 2), ["Wed 01 09:55:00", "Thu 02 08:00:00"]);
        assert_eq!(times("30 9 * * 1-5", "2025-01-03T10:00", 1), ["Mon 06 09:30:00"]);
        assert_eq!(
            times("10/25 * * * *", "2025-01-01T10:00", 3),
            ["Wed 01 10:10:00", "Wed 01 10:35:00", "Wed 01 11:10:00"]
        );
        assert_eq!(times("0 12 L * *", "2025-02-01T00:00", 1), ["Fri 28 12:00:00"]);
    }

    #[test]
    fn ranges_over_the_end_of_a_cycle() {
        assert_eq!(without_wraps("0 22-2 * Nov-Feb Fri-Mon"), "0 22,23,0,1,2 * 11,12,1,2 5,6,0,1");
        assert_eq!(without_wraps("50-10/5 * * * Thu-Mon/2#4"), "50,55,0,5,10 * * * 4#4,6#4,1#4");
        assert_eq!(without_wraps("0 8-18 27-5 * Mon-Fri"), "0 8-18 27-5 * Mon-Fri");
        assert_eq!(
            times("0 23-1 * * *", "2025-01-01T12:00", 3),
            ["Wed 01 23:00:00", "Thu 02 00:00:00", "Thu 02 01:00:00"]
        );
    }

    #[test]
    fn refuses_what_is_no_schedule() {
        for text in ["", "every day", "* * *", "61 * * * *", "* * 27-5 * *", "* * * * * * * *"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_clock_that_jumps_neither_doubles_nor_fires_late() {
        let mut schedule = Schedule::in_zone("0 * * * *", TimeZone::UTC).unwrap();
        let hour = 3_600_000;
        assert_eq!(schedule.wait(hour - 500), Some(Duration::from_millis(500)));
        assert!(schedule.is_due(hour + 3));
        // Put back by 10 ms: the same hour does not come due again.
        assert_eq!(schedule.wait(hour - 7), Some(Duration::from_secs(60)));
        assert!(!schedule.is_due(hour));
        // It learns the time: the hours between are not made up for.
        assert!(!schedule.is_due(1_000_000 * hour + 1_800_000));
        schedule.wait(1_000_000 * hour + 3_599_000);
        assert!(schedule.is_due(1_000_001 * hour));
    }
}
