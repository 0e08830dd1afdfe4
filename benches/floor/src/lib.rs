//! What the floor programs share: the message, and the few bytes of MQTT 3.1.1 that a load generator needs.

pub mod packets;

/// An alarm of a base station, 200 bytes of JSON. One in ten is alarm 312. `stamp` says when it was made.
pub fn alarm(number: u64, stamp: u64) -> String {
    let alarm_id = if number.is_multiple_of(10) { 312 } else { 300 + number % 10 };
    let text = format!(
        "{{\"stamp\":{stamp},\"site\":\"bs-{:04}\",\"area\":\"south\",\"alarm_id\":{alarm_id},\"severity\":{},\"time\":{},\
         \"text\":\"mains failure of the site\",\"value\":{}.5,\"active\":true,\"pad\":\"",
        number % 10_000,
        2 + number % 3,
        1_763_640_000_000_u64 + number,
        40 + number % 10,
    );
    let pad = "x".repeat(198_usize.saturating_sub(text.len()));
    format!("{text}{pad}\"}}")
}

/// The value of an argument `--name VALUE` of this program.
pub fn argument<T: std::str::FromStr>(name: &str) -> Option<T> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)?.parse().ok()
}

/// The topics that go into and come out of a program under load: the argument `--name NAME` tells programs apart.
pub fn topics() -> (String, String) {
    let name = argument("--name").unwrap_or_else(|| "bench".to_string());
    (format!("{name}/in"), format!("{name}/out"))
}
