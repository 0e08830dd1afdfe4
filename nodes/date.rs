//! Times as text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// ISO 8601 with milliseconds in UTC, as JavaScript's `toISOString` writes it.
pub fn iso(wall_ms: i64) -> String {
    match Timestamp::from_millisecond(wall_ms) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => "Invalid Date".to_string(),
    }
}

/// A time in a format of moment.js (`YYYY-MM-DD HH:mm:ss`), in the local time zone.
pub fn format(wall_ms: i64, format: &str) -> String {
    const TOKENS: &[(&str, &str)] = &[
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("MM", "%m"),
        ("M", "%-m"),
        ("DDDD", "%j"),
        ("DD", "%d"),
        ("D", "%-d"),
        ("dddd", "%A"),
        ("ddd", "%a"),
        ("HH", "%H"),
        ("H", "%-H"),
        ("hh", "%I"),
        ("h", "%-I"),
        ("mm", "%M"),
        ("m", "%-M"),
        ("ss", "%S"),
        ("s", "%-S"),
        ("SSS", "%3f"),
        ("A", "%p"),
        ("a", "%P"),
        ("ZZ", "%z"),
        ("Z", "%:z"),
        ("X", "%s"),
    ];
    let Ok(time) = Timestamp::from_millisecond(wall_ms) else { return "Invalid date".to_string() };
    let zoned = time.to_zoned(TimeZone::system());
    let mut out = String::new();
    let mut rest = format;
    'next: while !rest.is_empty() {
        // Text in brackets stands for itself.
        if let Some((literal, behind)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            out.push_str(literal);
            rest = behind;
            continue;
        }
        for (token, directive) in TOKENS {
            if let Some(behind) = rest.strip_prefix(token) {
                out.push_str(&zoned.strftime(directive).to_string());
                rest = behind;
                continue 'next;
            }
        }
        let mut chars = rest.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

/// Milliseconds since 1970 of a time as a person writes it: `2026-11-25T10:00Z`, with an offset, or without one in the
/// local time zone; a date alone is its first moment.
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let local = text.parse::<DateTime>().ok()?;
    Some(local.to_zoned(TimeZone::system()).ok()?.timestamp().as_millisecond())
}

/// `1d12h`, `90s`: in milliseconds.
pub fn parse_span(text: &str) -> Option<i64> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let mut rest = text;
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        rest = rest[letters..].trim_start();
        sum = sum.checked_add(number.checked_mul(unit)?)?;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_of_people_are_read() {
        for (text, ms) in [
            ("2026-11-25T10:00Z", Some(1_795_600_800_000)),
            ("2026-11-25T10:00:00.250Z", Some(1_795_600_800_250)),
            ("2026-11-25T12:00+02:00", Some(1_795_600_800_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(super::parse(text), ms, "{text}");
        }
        let day = super::parse("2026-11-25").unwrap();
        assert_eq!(super::parse("2026-11-25T00:00"), Some(day));
        assert!(day.abs_diff(1_795_564_800_000) <= 26 * 3_600_000);
    }

    #[test]
    fn iso_is_javascripts() {
        assert_eq!(super::iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::iso(1_763_600_000_123), "2025-11-20T00:53:20.123Z");
    }
}
